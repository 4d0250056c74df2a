/** The keys, and how to read an answer, in one place. */

import { openDialog } from "./dialogs.js";
import { h, put } from "./dom.js";
import { FLAGS } from "./words.js";

export const KEYS = [
  [
    "Anywhere",
    [
      ["/", "Choose a query picture"],
      ["g", "Gallery"],
      ["?", "This help"],
      ["Esc", "Close what is open"],
    ],
  ],
  [
    "Among matches",
    [
      ["j", "Next match"],
      ["k", "Match before"],
      ["Enter", "Open its scene"],
      ["r", "Mark right"],
      ["w", "Mark wrong"],
      ["u", "Undo the last mark (Ctrl Z, too)"],
      ["s", "Search again with the marks"],
      ["x", "Export a report"],
    ],
  ],
  [
    "In a scene",
    [
      ["←", "Frame before"],
      ["→", "Frame after"],
      ["Page ↑ ↓", "Ten frames back, ten on"],
      ["Home End", "First frame, last frame"],
      ["n N", "Next frame with people, or the one before"],
      ["j", "Next match"],
      ["k", "Match before"],
      ["p", "Play the clip"],
      ["d", "Dim the others, or not"],
      ["r w", "Mark right, mark wrong"],
    ],
  ],
  [
    "In any picture",
    [
      ["b", "Draw a box"],
      ["+ −", "Zoom in, zoom out"],
      ["0", "Whole picture"],
    ],
  ],
];

/** Open the help. */
export function openHelp() {
  if (document.querySelector("dialog.help")) return;
  openDialog(
    "Help and keys",
    (body) =>
      put(
        body,
        h(
          "div",
          { class: "keys" },
          ...KEYS.map(([where, keys]) =>
            h(
              "section",
              {},
              h("h3", {}, where),
              h("dl", {}, ...keys.flatMap(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)])),
            ),
          ),
        ),
        h(
          "section",
          { class: "stack note" },
          h("h3", {}, "How to read a match"),
          h(
            "p",
            { class: "soft" },
            "Similarity compares pictures, from −1 to 1. What a value means depends on the model and the gallery. ",
            "The bar therefore says how rare it is that a stranger scores as high here: ",
            "each of its five steps stands for ten times rarer.",
          ),
          h(
            "p",
            { class: "soft" },
            "Clothes carry most of it. A person who changed them is hard to find, and somebody else in the same ",
            "uniform is easily taken for them. A match is a reason to look, never a proof of who somebody is.",
          ),
          h(
            "dl",
            { class: "facts-list" },
            ...Object.entries(FLAGS).flatMap(([name, words]) => [
              h("dt", {}, name),
              h("dd", {}, words.slice(words.indexOf(":") + 2)),
            ]),
          ),
        ),
      ),
    { kind: "help" },
  );
}
