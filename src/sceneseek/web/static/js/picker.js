/** A query picture with its people outlined: choose one, or draw a box and search for who is in it. */

import { pictures } from "./api.js";
import { BOX_KEYS } from "./box.js";
import { button, h, put } from "./dom.js";
import { look } from "./look.js";
import { boxButton, outline } from "./outlines.js";
import { counted, flagWords } from "./words.js";

const SHARP = 4096;

/**
 * Show a query picture to choose a person from.
 *
 * `chosen(example)` is called with `{query_id, person}` or `{query_id, box}`, `cancelled()` when it is put away.
 */
export function picker(picture, { chosen, cancelled, againWords }) {
  const { query_id, width, height, people } = picture;
  let box = null;
  const image = h("img", {
    src: pictures.query(query_id),
    alt: `The query picture ${picture.name ?? ""}`,
    width,
    height,
    draggable: "false",
  });
  const expired = () =>
    image.replaceWith(h("p", { class: "gone" }, "The server no longer keeps this picture. Choose it again."));
  image.addEventListener("error", expired, { once: true });
  const buttons = people.map((person) =>
    boxButton(person.box, width, height, personWords(person, people.length), {
      onclick: () => chosen({ query_id, person: person.index }),
    }),
  );
  const accept = () => box && chosen({ query_id, box });
  const seen = look({
    width,
    height,
    image,
    sharper: Math.max(width, height) > pictures.QUERY_SIDE ? pictures.query(query_id, SHARP) : null,
    shapes: people.map((person) => outline(person.box, "person")),
    buttons,
    drawn(next) {
      box = next;
      showChoice();
    },
    accepted: accept,
  });
  // Below the picture: what is above it must not move it while a box is drawn.
  const choice = h("div", { class: "picker-choice" });
  showChoice();

  function showChoice() {
    put(
      choice,
      ...(box
        ? [
            button("Search for this box", { sign: "search", kind: "primary", onclick: accept }),
            button("Remove the box", { kind: "quiet", onclick: () => seen.drop() }),
            h("p", { class: "note soft" }, `Move or resize it. With keys: ${BOX_KEYS}.`),
          ]
        : [h("p", { class: "note faint" }, belowWords(people.length))]),
    );
  }

  const screen = h(
    "section",
    { class: "picker", "aria-labelledby": "picker-title" },
    h(
      "header",
      {},
      h(
        "div",
        {},
        h(
          "h1",
          { id: "picker-title", tabindex: "-1" },
          people.length ? "Who are you looking for?" : "Nobody was found in this picture",
        ),
        h("p", { class: "soft" }, usualHint(people.length)),
      ),
      h(
        "div",
        { class: "actions" },
        ...seen.tools,
        button(againWords, { kind: "quiet small", onclick: cancelled }),
      ),
    ),
    seen.element,
    choice,
  );
  // Whoever presses on the picture has the focus nowhere; the keys hold for the whole page while it is shown.
  addEventListener("keydown", function listen(event) {
    if (!screen.isConnected) {
      removeEventListener("keydown", listen);
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (seen.key(event)) event.preventDefault();
  });
  return screen;
}

function personWords(person, count) {
  const flags = flagWords(person.flags);
  const score =
    person.score === null || person.score === undefined ? "" : `, detector score ${person.score.toFixed(2)}`;
  return `Person ${person.index + 1} of ${count}${score}${flags ? `, ${flags}` : ""}`;
}

function belowWords(count) {
  if (!count) return "Drag over the picture, or press the button Draw a box.";
  const found = `${counted(count, "person was", "people were")} found.`;
  return `${found} Somebody is missing, or an outline is wrong? Draw a box by dragging over the picture.`;
}

function usualHint(count) {
  return count ? "Choose one of the outlined people." : "Draw a box around the person, from head to feet.";
}
