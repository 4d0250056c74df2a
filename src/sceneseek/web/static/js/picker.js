/** A picture with its people outlined: choose one, or draw a box with mouse, finger or keys. */

import { pictures } from "./api.js";
import { announce } from "./announce.js";
import { button, h, put } from "./dom.js";
import { boxButton, outline, overlay } from "./outlines.js";
import { counted, flagWords } from "./words.js";

const SMALLEST = 8;
const DRAG_FROM = 5;
const DRAWING_KEYS = "arrows move the box, Shift and arrows change its size, Enter searches, Escape stops.";

/**
 * Show a query picture to choose a person from.
 *
 * `chosen(example)` is called with `{query_id, person}` or `{query_id, box}`, `cancelled()` when it is put away.
 */
export function picker(picture, { chosen, cancelled, againWords }) {
  const { query_id, width, height, people } = picture;
  const drawing = h("div", { class: "drawing" });
  const image = h("img", {
    src: pictures.query(query_id),
    alt: `The query picture ${picture.name ?? ""}`,
    width,
    height,
    draggable: "false",
  });
  const boxes = people.map((person) =>
    boxButton(person.box, width, height, personWords(person, people.length), {
      onclick: () => chosen({ query_id, person: person.index }),
    }),
  );
  const stage = h(
    "div",
    { class: "stage", style: { "aspect-ratio": `${width} / ${height}`, "--ratio": String(width / height) } },
    image,
    overlay(width, height, ...people.map((person) => outline(person.box, "person"))),
    ...boxes,
    drawing,
  );
  const draw = drawer(stage, drawing, width, height, (box) => chosen({ query_id, box }));
  const drawButton = button("Draw a box", { sign: "box", "aria-pressed": "false", onclick: () => draw.toggle() });
  draw.onmode = (on) => {
    drawButton.setAttribute("aria-pressed", String(on));
    put(hint, on ? drawHint() : usualHint(people.length));
  };
  const hint = h("p", { class: "soft" }, usualHint(people.length));
  return h(
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
          people.length ? "Whom do you look for?" : "Nobody was found in this picture",
        ),
        hint,
      ),
      h(
        "div",
        { class: "actions" },
        drawButton,
        button(againWords ?? "Another picture", { kind: "quiet", onclick: cancelled }),
      ),
    ),
    stage,
    people.length
      ? h(
          "p",
          { class: "note faint" },
          `${counted(people.length, "person was", "people were")} found. `,
          "Somebody missing, or the outline is wrong? Draw a box by dragging over the picture.",
        )
      : null,
  );
}

function personWords(person, count) {
  const flags = flagWords(person.flags);
  const score =
    person.score === null || person.score === undefined ? "" : `, detector score ${person.score.toFixed(2)}`;
  return `Person ${person.index + 1} of ${count}${score}${flags ? `, ${flags}` : ""}`;
}

function usualHint(count) {
  return count ? "Choose one of the outlined people." : "Draw a box around the person, from head to feet.";
}

function drawHint() {
  return `Drag over the picture. With keys: ${DRAWING_KEYS}`;
}

/** Boxes drawn on a stage; `done(box)` receives pixels of the picture. */
function drawer(stage, canvas, width, height, done) {
  let start = null;
  let box = null;
  const self = { toggle, onmode: () => {} };
  const frame = h("div", { class: "rubber", hidden: true });
  canvas.append(frame);
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `Draw a box: ${DRAWING_KEYS}`);

  function toggle(on = !stage.classList.contains("draws")) {
    stage.classList.toggle("draws", on);
    canvas.tabIndex = on ? 0 : -1;
    self.onmode(on);
    if (on) {
      show([width * 0.42, height * 0.25, width * 0.58, height * 0.75]);
      canvas.focus();
    } else {
      show(null);
    }
  }

  function show(next) {
    box = next;
    frame.hidden = box === null;
    if (box === null) return;
    const [x1, y1, x2, y2] = box;
    frame.style.left = `${(100 * x1) / width}%`;
    frame.style.top = `${(100 * y1) / height}%`;
    frame.style.width = `${(100 * (x2 - x1)) / width}%`;
    frame.style.height = `${(100 * (y2 - y1)) / height}%`;
  }

  function place(event) {
    const area = stage.getBoundingClientRect();
    const clip = (value, most) => Math.min(Math.max(value, 0), most);
    return [
      clip(((event.clientX - area.left) / area.width) * width, width),
      clip(((event.clientY - area.top) / area.height) * height, height),
    ];
  }

  function between([ax, ay], [bx, by]) {
    return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  }

  // With a mouse a drag always draws. A finger also scrolls the page, so it draws only where drawing was asked for.
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.pointerType !== "mouse" && !stage.classList.contains("draws"))) return;
    start = { point: place(event), x: event.clientX, y: event.clientY, drags: false };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!start) return;
    if (!start.drags && Math.hypot(event.clientX - start.x, event.clientY - start.y) < DRAG_FROM) return;
    if (!start.drags) {
      start.drags = true;
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("dragging");
    }
    event.preventDefault();
    show(between(start.point, place(event)));
  });
  const finish = (event) => {
    if (!start) return;
    const { drags } = start;
    start = null;
    stage.classList.remove("dragging");
    if (!drags || event.type === "pointercancel") return;
    // The click that ends a drag must not choose the person below it.
    const swallow = (click) => {
      click.stopPropagation();
      click.preventDefault();
    };
    stage.addEventListener("click", swallow, { capture: true });
    setTimeout(() => {
      stage.removeEventListener("click", swallow, { capture: true });
      accept();
    }, 0);
  };
  stage.addEventListener("pointerup", finish);
  stage.addEventListener("pointercancel", finish);

  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (steps && box) {
      event.preventDefault();
      event.stopPropagation();
      const by = Math.max(width, height) / 100;
      let [x1, y1, x2, y2] = box;
      if (event.shiftKey) {
        x2 = Math.min(width, Math.max(x1 + SMALLEST, x2 + steps[0] * by));
        y2 = Math.min(height, Math.max(y1 + SMALLEST, y2 + steps[1] * by));
      } else {
        const dx = Math.min(width - x2, Math.max(-x1, steps[0] * by));
        const dy = Math.min(height - y2, Math.max(-y1, steps[1] * by));
        [x1, y1, x2, y2] = [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
      }
      show([x1, y1, x2, y2]);
    } else if (event.key === "Enter" && box) {
      event.preventDefault();
      event.stopPropagation();
      accept();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      toggle(false);
    }
  });

  function accept() {
    if (!box || box[2] - box[0] < SMALLEST || box[3] - box[1] < SMALLEST) {
      announce("That box is too small to show a person. Draw it from head to feet.");
      show(null);
      return;
    }
    done(box.map((value) => Math.round(value * 10) / 10));
  }

  return self;
}
