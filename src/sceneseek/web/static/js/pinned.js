/** The examples that are people of the gallery, apart from the matches: they are no answer. */

import { thumbnail } from "./crops.js";
import { button, h, icon } from "./dom.js";
import { dropExample } from "./state.js";
import { cameraWords, counted, fileName, spanWords } from "./words.js";

/** The strip of them above the matches; null where there is none. `open(match)` shows one in its scene. */
export function pinnedExamples(ranking, open) {
  const pinned = ranking.pinned ?? [];
  if (!pinned.length) return null;
  return h(
    "section",
    { class: "panel pinned", "aria-labelledby": "pinned-title" },
    h(
      "header",
      {},
      h("h2", { id: "pinned-title" }, icon("check", "small"), counted(pinned.length, "example of the gallery", "examples of the gallery")),
      h("p", { class: "note faint" }, "Searched with, and not counted among the matches."),
    ),
    h("ul", {}, ...pinned.map((match) => item(match, open))),
  );
}

function item(match, open) {
  const name = match.name || fileName(match.source);
  const words = spanWords(match);
  const when = words === "no time known" ? name : words;
  return h(
    "li",
    { data: { pinned: match.detection_id } },
    h(
      "button",
      { type: "button", class: "pinned-open", "aria-label": `Open the scene of the example in ${name}`, onclick: () => open(match) },
      h("span", { class: "portrait" }, thumbnail(match.detection_id, "")),
      h(
        "span",
        { class: "note" },
        h("b", { class: "wrap" }, when),
        match.camera_id ? h("span", { class: "soft" }, cameraWords(match.camera_id)) : null,
      ),
    ),
    button("", {
      sign: "cross",
      kind: "quiet small",
      label: `Remove the example in ${name}`,
      onclick: () => dropExample({ detection_id: match.detection_id }),
    }),
  );
}
