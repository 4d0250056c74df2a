/** The ranked matches as cards. */

import { pictures } from "./api.js";
import { announce } from "./announce.js";
import { thumbnail } from "./crops.js";
import { button, h, icon } from "./dom.js";
import { outline, overlay, veil } from "./outlines.js";
import { mark, markOf, matchOf, state, undoMark } from "./state.js";
import { trustFacts } from "./trust.js";
import { FLAGS, cameraWords, counted, day, fileName, span, spanWords } from "./words.js";

const SMALL_SCENE = 560;

/** All cards. `open(match)` shows one in its scene. */
export function matchList(ranking, { scenes, open }) {
  const items = ranking.matches.map((match, index) => card(match, index, scenes, open));
  return h("ol", { class: "matches", "aria-label": "Ranked matches, most similar first" }, ...items);
}

/** Mark a match; what it changed is seen on the card, and said to those who do not see it. */
export function markMatch(match, verdict) {
  const after = mark(match.detection_id, verdict);
  announce(
    after
      ? `Match ${match.rank} marked ${after}. Search again to use the mark.`
      : `Mark of match ${match.rank} taken back.`,
  );
}

/** Undo the last mark, and say which it was. */
export function undoLast() {
  const last = undoMark();
  if (!last) {
    announce("There is no mark to undo.");
    return;
  }
  const match = matchOf(last.detectionId);
  announce(`Match ${match?.rank ?? ""} is ${last.before ? `marked ${last.before}` : "not marked"} again.`);
}

function card(match, index, scenes, open) {
  const verdict = markOf(match.detection_id);
  const name = match.name || fileName(match.source);
  const { wall, start } = span(match);
  const words = matchWords(match);
  const where = [match.camera_id && cameraWords(match.camera_id), wall && day(start)].filter(Boolean).join(" · ");
  return h(
    "li",
    {
      class: `match panel ${verdict ?? ""}`.trim(),
      id: `match-${index}`,
      tabindex: "-1",
      "aria-label": words,
      data: { index, detection: match.detection_id },
      onfocusin: () => {
        state.current = index;
      },
    },
    h(
      "button",
      { type: "button", class: "portrait", "aria-label": `Open the scene of ${words}`, onclick: () => open(match) },
      thumbnail(match.detection_id, ""),
      h("span", { class: "rank", "aria-hidden": "true" }, match.rank),
      verdict
        ? h("span", { class: `verdict ${verdict}` }, icon(verdict === "right" ? "check" : "cross", "small"), verdict)
        : null,
    ),
    h(
      "div",
      { class: "facts" },
      h(
        "div",
        { class: "seen" },
        h("p", { class: "when" }, start === null ? name : spanWords(match)),
        where
          ? h("p", { class: "note soft wrap" }, where)
          : null,
        start === null ? null : h("p", { class: "note faint file", title: match.source }, name),
      ),
      trustFacts(match),
      h(
        "p",
        { class: "note soft similarity", title: "Cosine, −1 to 1; larger is closer" },
        "Similarity ",
        h("b", {}, match.similarity.toFixed(3)),
      ),
      match.flags?.length ? h("ul", { class: "chips", "aria-label": "Quality" }, ...match.flags.map(flag)) : null,
      h(
        "div",
        { class: "actions" },
        button("Right", {
          sign: "check",
          kind: "small right",
          "aria-pressed": String(verdict === "right"),
          "aria-label": `Mark match ${match.rank} right`,
          onclick: () => markMatch(match, "right"),
        }),
        button("Wrong", {
          sign: "cross",
          kind: "small wrong",
          "aria-pressed": String(verdict === "wrong"),
          "aria-label": `Mark match ${match.rank} wrong`,
          onclick: () => markMatch(match, "wrong"),
        }),
      ),
    ),
    scenes ? smallScene(match, open) : null,
  );
}

/** One match in a sentence, for those who do not see the card. */
export function matchWords(match) {
  const sighting = match.sighting ? `, ${counted(match.sighting.num_detections, "frame")}` : "";
  const flags = match.flags?.length ? `, ${match.flags.join(", ")}` : "";
  const where = match.camera_id ? ` on ${cameraWords(match.camera_id)}` : "";
  const similarity = `similarity ${match.similarity.toFixed(2)}`;
  return `match ${match.rank}, ${match.words.standing.toLowerCase()}, ${similarity}, ${spanWords(match)}${where}${sighting}${flags}`;
}

/** A flag as a chip with its sign. */
export function flag(name) {
  return h("li", { class: "chip warn", title: FLAGS[name] ?? name }, icon("warn", "small"), name);
}

function smallScene(match, open) {
  const image = h("img", {
    src: pictures.scene(match.detection_id, SMALL_SCENE),
    alt: "",
    loading: "lazy",
    decoding: "async",
    width: match.width,
    height: match.height,
  });
  const holder = h(
    "button",
    {
      type: "button",
      class: "scene-small",
      "aria-label": `Open the scene of match ${match.rank}`,
      onclick: () => open(match),
      style: { "aspect-ratio": `${match.width || 16} / ${match.height || 9}` },
    },
    image,
    match.width
      ? overlay(match.width, match.height, veil(match.width, match.height, [match.box]), outline(match.box))
      : null,
  );
  image.addEventListener(
    "error",
    () =>
      holder.replaceChildren(h("span", { class: "note soft gone" }, "The picture is no longer where it was indexed.")),
    { once: true },
  );
  return holder;
}
