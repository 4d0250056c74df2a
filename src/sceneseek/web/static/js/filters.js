/** Restrictions of a search. Each is applied at once and written into the address. */

import { RERANKS, TOPS, countFilters } from "./address.js";
import { api } from "./api.js";
import { momentField } from "./date-field.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { reasonField } from "./reason.js";
import { liftFilters, on, rankBy, restrict, search, state } from "./state.js";
import { FLAGS, grouped, timeZone } from "./words.js";

const PATIENCE_MS = 400;
const RERANK_WORDS = { cbgm: "Who stands beside them (CBGM)", k_reciprocal: "Mutual neighbours (k-reciprocal)" };

/** The panel, kept up to date. */
export function filterPanel() {
  const count = h("span", { class: "chip accent", hidden: true });
  const lift = button("Clear", { kind: "quiet small", onclick: liftFilters, hidden: true });
  const body = h("div", { class: "inside filters" });
  const details = h(
    "details",
    { class: "panel folding" },
    h(
      "summary",
      {},
      icon("filter"),
      h("h2", {}, "Filters"),
      count,
      h("span", { class: "spring" }),
      icon("down", "small"),
    ),
    body,
    h("div", { class: "inside foot" }, lift),
  );
  // On a narrow screen the answer comes first; the filters wait, folded.
  const wide = matchMedia("(min-width: 901px)");
  details.open = wide.matches;
  wide.addEventListener("change", () => {
    details.open = wide.matches;
  });

  function show() {
    const filters = state.asked.filters;
    const number = countFilters(filters);
    count.hidden = number === 0;
    count.textContent = `${number} on`;
    lift.hidden = number === 0;
    // What is being typed into must not be torn out of the page.
    if (body.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select"))
      return;
    const focused = document.activeElement?.dataset?.filter;
    put(body, cameras(filters), when(filters), quality(filters), where(filters), ranking(), reasonField(search));
    if (focused) body.querySelector(`[data-filter="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  on("asked gallery", show);
  show();
  return details;
}

function later(action) {
  let waiting;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => action(...given), PATIENCE_MS);
  };
}

function toggled(list, value, on) {
  return on ? [...list.filter((other) => other !== value), value] : list.filter((other) => other !== value);
}

function check(name, words, checked, onchange, { count, title } = {}) {
  return h(
    "label",
    { class: "check", title },
    h("input", {
      type: "checkbox",
      checked,
      data: { filter: name },
      onchange: (event) => onchange(event.target.checked),
    }),
    h("span", {}, words),
    count === undefined ? null : h("span", { class: "count" }, grouped(count)),
  );
}

/** What the reader folded or unfolded by hand, so that drawing the panel anew does not undo it. */
const folded = new Map();

function folding(words, openAtFirst, ...fields) {
  const details = h(
    "details",
    { class: "more", open: folded.get(words) ?? openAtFirst },
    h("summary", {}, words),
    ...fields,
  );
  details.addEventListener("toggle", () => folded.set(words, details.open));
  return details;
}

function group(words, ...fields) {
  return h("fieldset", { class: "field" }, h("legend", {}, words), ...fields);
}

function cameras(filters) {
  const known = state.gallery?.cameras ?? [];
  if (!known.length) return null;
  return group(
    "Camera",
    h(
      "div",
      { class: "checks" },
      ...known.map(({ camera_id, num_people }) =>
        check(
          `camera:${camera_id}`,
          camera_id || "no named camera",
          filters.cameras.includes(camera_id),
          (on) => restrict({ cameras: toggled(state.asked.filters.cameras, camera_id, on) }),
          { count: num_people },
        ),
      ),
    ),
  );
}

function when(filters) {
  const field = (name, words, value) =>
    momentField(words, {
      value,
      endOfDay: name === "before",
      changed: (local) => local !== state.asked.filters[name] && restrict({ [name]: local }),
      data: { filter: name },
    }).element;
  const seconds = (name, words, value) => {
    const id = freshId("since");
    const input = h("input", {
      id,
      type: "number",
      min: "0",
      step: "any",
      inputmode: "decimal",
      placeholder: "s",
      value: value ?? "",
      data: { filter: name },
    });
    input.addEventListener(
      "change",
      later(() => restrict({ [name]: input.value === "" ? null : Number(input.value) })),
    );
    return h("div", { class: "field" }, h("label", { for: id }, words), input);
  };
  return h(
    "div",
    { class: "field" },
    field("after", "Seen after", filters.after),
    field("before", "Seen before", filters.before),
    h("p", { class: "hint" }, `Your time zone: ${timeZone()}`),
    folding(
      "Seconds into a video",
      filters.since_s !== null || filters.until_s !== null,
      h(
        "div",
        { class: "pair" },
        seconds("since_s", "From", filters.since_s),
        seconds("until_s", "To", filters.until_s),
      ),
    ),
  );
}

function quality(filters) {
  const id = freshId("score");
  const say = (value) => (value ? `at least ${Number(value).toFixed(2)}` : "any");
  const output = h("output", { for: id, class: "count" }, say(filters.min_score));
  const range = h("input", {
    id,
    type: "range",
    min: "0",
    max: "0.95",
    step: "0.05",
    value: filters.min_score ?? 0,
    data: { filter: "score" },
  });
  const apply = later(() => restrict({ min_score: Number(range.value) || null }));
  range.addEventListener("input", () => {
    output.textContent = say(Number(range.value));
    apply();
  });
  const names = Object.keys(FLAGS);
  const all = names.every((flag) => filters.exclude_flags.includes(flag));
  return group(
    "Quality",
    check("hide:all", "Hide low quality", all, (on) => restrict({ exclude_flags: on ? names : [] }), {
      title: "Small, blurred, cut or unsure",
    }),
    folding(
      "Which kinds",
      !all && filters.exclude_flags.length > 0,
      ...names.map((flag) =>
        check(
          `hide:${flag}`,
          `Hide ${flag}`,
          filters.exclude_flags.includes(flag),
          (on) => restrict({ exclude_flags: toggled(state.asked.filters.exclude_flags, flag, on) }),
          { title: FLAGS[flag] },
        ),
      ),
    ),
    h("div", { class: "labelled" }, h("label", { for: id, class: "note" }, "Detector score"), output),
    range,
  );
}

function where(filters) {
  const id = freshId("file");
  const list = freshId("files");
  const input = h("input", {
    id,
    list,
    type: "search",
    placeholder: "Any",
    value: filters.sources[0] ?? "",
    data: { filter: "file" },
    spellcheck: "false",
  });
  input.addEventListener("focus", () => suggestFiles(list), { once: true });
  input.addEventListener("change", () => restrict({ sources: input.value.trim() ? [input.value.trim()] : [] }));
  return h("div", { class: "field" }, h("label", { for: id }, "File or folder"), input, h("datalist", { id: list }));
}

/** Offer the first files of the gallery by name; a larger gallery is reached by typing a folder. */
async function suggestFiles(list) {
  const page = await api.media({ page: 1, per_page: 200 }).catch(() => ({ media: [] }));
  document.getElementById(list)?.replaceChildren(...page.media.map((medium) => h("option", { value: medium.source })));
}

function ranking() {
  const { ranking } = state.asked;
  const set = rankBy;
  const choice = (name, words, value, options, onchange) => {
    const id = freshId(name);
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, words),
      h(
        "select",
        { id, data: { filter: name }, onchange: (event) => onchange(event.target.value) },
        ...options.map(([key, label]) => h("option", { value: key, selected: String(value) === key }, label)),
      ),
    );
  };
  const tops = [...new Set([...TOPS, ranking.top])].sort((a, b) => a - b);
  return folding(
    "Ranking",
    ranking.by !== "sighting" || ranking.rerank !== null,
    choice(
      "by",
      "One match for each",
      ranking.by,
      [
        ["sighting", "Sighting (an unbroken view)"],
        ["detection", "Single frame"],
      ],
      (value) => set({ by: value }),
    ),
    choice(
      "rerank",
      "Re-ranking",
      ranking.rerank ?? "",
      [["", "None"], ...(state.gallery?.reranking ?? RERANKS).map((name) => [name, RERANK_WORDS[name] ?? name])],
      (value) => set({ rerank: value || null }),
    ),
    choice(
      "top",
      "How many",
      ranking.top,
      tops.map((top) => [String(top), String(top)]),
      (value) => set({ top: Number(value) }),
    ),
  );
}
