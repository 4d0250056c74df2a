/** The answer: what was found, how far to trust it, and the ways to look at it. */

import { announce } from "./announce.js";
import { matchChart } from "./timeline.js";
import { cameraMap } from "./map.js";
import { button, h, icon, put } from "./dom.js";
import { matchList, undoLast } from "./matches.js";
import { pinnedExamples } from "./pinned.js";
import { empty, failed } from "./placeholders.js";
import { openExport } from "./report.js";
import { TOPS, countFilters } from "./address.js";
import { ask, askedKey, canUndo, isStale, liftFilters, on, rankBy, search, searchAgain, state } from "./state.js";
import { openScene } from "./scene.js";
import { counted, grouped, timeZone } from "./words.js";

const SHOWS = [
  { show: "matches", words: "Matches", sign: "gallery" },
  { show: "timeline", words: "Timeline", sign: "timeline" },
  { show: "map", words: "Cameras", sign: "map" },
];
const MOST_MATCHES = 500;
let scenes = false;

/** The results pane, kept up to date. */
export function resultsPane() {
  const pane = h("section", { class: "results", "aria-labelledby": "results-title" });
  let said = "";
  let drawn = [];

  function show() {
    const { answer, asked } = state;
    pane.setAttribute("aria-busy", String(answer.status === "loading"));
    if (answer.status === "loading" && answer.ranking) return;
    // Opening a scene changes the address but nothing here: what is drawn stays, pictures and focus with it.
    const now = [answer, asked.show, askedKey(), JSON.stringify(asked.marks), scenes];
    if (now.every((part, at) => part === drawn[at])) return;
    drawn = now;
    const focused = document.activeElement;
    const keep = pane.contains(focused) ? placeOf(focused) : null;
    put(pane, content(answer));
    if (keep) findAgain(pane, keep)?.focus({ preventScroll: true });
    if (answer.status === "ready" && answer.key !== said) {
      said = answer.key;
      announce(answer.ranking.words.headline);
    }
  }

  on("answer asked", show);
  show();
  return pane;
}

/** Where the focus was, in words that survive drawing anew. */
function placeOf(element) {
  const card = element.closest("[data-detection]");
  return {
    detection: card?.dataset.detection,
    label: element.getAttribute("aria-label"),
    name: element.textContent,
    itself: card === element,
  };
}

function findAgain(pane, { detection, label, name, itself }) {
  const within = detection ? pane.querySelector(`[data-detection="${CSS.escape(detection)}"]`) : pane;
  if (itself || !within) return within;
  return [...within.querySelectorAll("button, [tabindex], input")].find((other) =>
    label ? other.getAttribute("aria-label") === label : other.textContent === name,
  );
}

function content(answer) {
  if (answer.status === "failed") return [failed("The search did not work", answer.problem, search)];
  if (!answer.ranking) return [heading("Searching…"), waiting()];
  const { ranking } = answer;
  if (!ranking.matches.length) {
    const filtered = countFilters(state.asked.filters) > 0;
    return [
      heading("No matches"),
      empty(
        "search",
        filtered ? "Nobody was seen under these filters" : "The gallery holds nobody to compare with",
        filtered ? "Lift some of the filters and look again." : "Add photographs or video first.",
        filtered ? button("Clear the filters", { kind: "small", onclick: liftFilters }) : null,
      ),
    ];
  }
  return [
    heading(ranking.words.headline, subline(ranking)),
    notice(ranking),
    toolbar(ranking),
    pinnedExamples(ranking, (match) => openScene(match.detection_id)),
    body(ranking),
    more(ranking),
    caution(ranking),
    isStale() ? againBar() : null,
  ];
}

function heading(words, ...below) {
  return h("header", { class: "headline" }, h("h1", { id: "results-title", tabindex: "-1" }, words), ...below);
}

function subline(ranking) {
  const parts = [`${counted(ranking.searched, "detection")} compared`];
  parts.push(`${ranking.matches.length} shown, most similar first`);
  if (ranking.seconds !== undefined && ranking.seconds !== null)
    parts.push(`${grouped(Math.max(1, Math.round(ranking.seconds * 1000)))} ms`);
  if (ranking.method.index && ranking.method.index !== "exact") parts.push(ranking.method.index);
  if (state.asked.ranking.rerank) parts.push("re-ranked");
  return h("p", { class: "soft" }, parts.join(" · "));
}

function notice({ standing, words }) {
  return words.detail
    ? h("div", { class: `notice ${standing ?? ""}`.trim() }, icon("info"), h("p", {}, words.detail))
    : null;
}

function toolbar(ranking) {
  const toggle = h("input", { type: "checkbox", role: "switch", checked: scenes });
  toggle.addEventListener("change", () => {
    scenes = toggle.checked;
    ask({});
  });
  return h(
    "div",
    { class: "toolbar" },
    h(
      "div",
      { class: "segments", role: "group", "aria-label": "Show the answer as" },
      ...SHOWS.map(({ show, words, sign }) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(state.asked.show === show), onclick: () => ask({ show }) },
          icon(sign, "small"),
          words,
        ),
      ),
    ),
    state.asked.show === "matches" ? h("label", { class: "switch" }, toggle, "Scenes") : null,
    h("span", { class: "spring" }),
    button("Export", { sign: "export", kind: "small", onclick: () => openExport(ranking) }),
  );
}

/** Marks wait until they are used; the way to use them stays in sight. */
function againBar() {
  const { right, wrong } = state.asked.marks;
  const marks = [right.length && `${right.length} right`, wrong.length && `${wrong.length} wrong`];
  return h(
    "div",
    { class: "again-bar", role: "group", "aria-label": "Marks" },
    h("span", {}, `Marked: ${marks.filter(Boolean).join(", ")}`),
    canUndo() ? button("Undo", { sign: "undo", kind: "quiet small", onclick: undoLast }) : null,
    button("Search again", { sign: "again", kind: "primary small", onclick: searchAgain }),
  );
}

/** The way to further matches, where there may be some. */
function more(ranking) {
  const { top } = state.asked.ranking;
  const next = [...TOPS, MOST_MATCHES].find((number) => number > top);
  if (ranking.matches.length < top || !next || state.asked.show !== "matches") return null;
  const words = `Show up to ${next} matches`;
  return h("div", { class: "actions middle" }, button(words, { sign: "down", onclick: () => rankBy({ top: next }) }));
}

function body(ranking) {
  const open = (match) => openScene(match.detection_id);
  if (state.asked.show === "timeline") return matchChart(ranking, open);
  if (state.asked.show === "map") return cameraMap(ranking, open);
  return matchList(ranking, { scenes, open });
}

function caution(ranking) {
  return h(
    "p",
    { class: "caution note faint" },
    "A match is a resemblance, mostly of clothes and build; it does not establish who somebody is. ",
    "Look at the scene, the time and the camera before acting on it. ",
    h("br"),
    `Model: ${ranking.model}. `,
    Object.entries(ranking.method)
      .map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`)
      .join("; "),
    ".",
    ranking.matches.some((match) => match.captured_at) ? ` Times: ${timeZone()}.` : "",
  );
}

function waiting() {
  const ghost = () =>
    h(
      "li",
      { class: "panel ghost" },
      h("div", { class: "skeleton portrait" }),
      h(
        "div",
        { class: "facts" },
        ...[70, 50, 85, 40].map((share) =>
          h("div", { class: "skeleton", style: { height: "14px", width: `${share}%` } }),
        ),
      ),
    );
  return h("ol", { class: "matches", "aria-hidden": "true" }, ...Array.from({ length: 9 }, ghost));
}
