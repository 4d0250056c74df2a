/** A box over a picture that is drawn, moved and resized with mouse, finger or keys; nothing is searched here. */

import { announce } from "./announce.js";
import { h } from "./dom.js";
import { between, firstBox, moved, resized, rounded, showsSomebody } from "./geometry.js";

const DRAG_FROM = 5;
const STEP = 0.01;
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export const BOX_KEYS =
  "arrows move the box, Shift and arrows change its size, Ctrl makes the steps fine, Enter searches, Escape removes it";

/**
 * A box on a stage.
 *
 * `mayDraw(event)` says whether a press on the picture begins a box; `changed(box)` is told of each change, null for
 * none; `accepted()` is called for Enter; `view()` says what is seen of the picture, in its pixels.
 */
export class BoxEditor {
  constructor(stage, width, height, { mayDraw, changed, accepted, view }) {
    Object.assign(this, { stage, width, height, mayDraw, changed, accepted, view });
    this.box = null;
    this.frame = h(
      "div",
      { class: "rubber", hidden: true, tabindex: "0", role: "application", "aria-label": `The box: ${BOX_KEYS}` },
      ...HANDLES.map((name) => h("i", { class: `handle ${name}`, data: { handle: name }, "aria-hidden": "true" })),
    );
    this.frame.addEventListener("keydown", (event) => this.key(event));
    stage.append(this.frame);
    stage.addEventListener("pointerdown", (event) => this.press(event));
  }

  /** Show a box in the middle of what is seen, to be moved to the person. */
  begin() {
    this.show(firstBox(this.view()));
    this.frame.focus({ preventScroll: true });
  }

  /** Show a box, or none. */
  show(box) {
    this.box = box;
    this.frame.hidden = box === null;
    if (box) {
      const percent = (value, whole) => `${(100 * value) / whole}%`;
      const [x1, y1, x2, y2] = box;
      const place = { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
      for (const [name, value] of Object.entries(place))
        this.frame.style[name] = percent(value, name === "left" || name === "width" ? this.width : this.height);
    }
    this.changed(box && rounded(box));
  }

  /** Where the pointer is, in the picture's pixels. */
  point(event) {
    const area = this.stage.getBoundingClientRect();
    const inside = (share, whole) => Math.min(Math.max(share, 0), 1) * whole;
    return [
      inside((event.clientX - area.left) / area.width, this.width),
      inside((event.clientY - area.top) / area.height, this.height),
    ];
  }

  press(event) {
    if (event.button !== 0) return;
    const handle = event.target.dataset?.handle;
    const grabbed = this.box && this.frame.contains(event.target);
    if (!grabbed && !this.mayDraw(event)) return;
    const from = this.point(event);
    const before = this.box;
    const drawn = (to) => {
      const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
      if (handle) return resized(before, handle, dx, dy, this.width, this.height);
      return grabbed ? moved(before, dx, dy, this.width, this.height) : between(from, to);
    };
    this.follow(event, drawn, before);
  }

  /** Let the box follow the pointer until it is let go; a press that does not move leaves the box and the click alone. */
  follow(pressed, drawn, before) {
    let drags = false;
    const move = (event) => {
      const far = Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY);
      if (!drags && far < DRAG_FROM) return;
      if (!drags) this.stage.setPointerCapture(pressed.pointerId);
      drags = true;
      this.stage.classList.add("dragging");
      event.preventDefault();
      this.show(drawn(this.point(event)));
    };
    const end = (event) => {
      for (const [name, listener] of listeners) this.stage.removeEventListener(name, listener);
      this.stage.classList.remove("dragging");
      if (!drags) return;
      swallowClick(this.stage);
      if (event.type === "pointercancel") this.show(before);
      else this.settle();
    };
    const listeners = [
      ["pointermove", move],
      ["pointerup", end],
      ["pointercancel", end],
    ];
    for (const [name, listener] of listeners) this.stage.addEventListener(name, listener);
  }

  /** A box that was let go: kept when somebody fits in. */
  settle() {
    if (showsSomebody(this.box)) {
      this.frame.focus({ preventScroll: true });
      return;
    }
    announce("That box is too small to show a person. Draw it from head to feet.");
    this.show(null);
  }

  key(event) {
    const towards = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (towards) {
      const step = event.ctrlKey ? 1 : STEP * Math.max(this.width, this.height);
      const [dx, dy] = towards.map((sign) => sign * step);
      const next = event.shiftKey
        ? resized(this.box, "se", dx, dy, this.width, this.height)
        : moved(this.box, dx, dy, this.width, this.height);
      this.show(next);
    } else if (event.key === "Enter") this.accepted();
    else if (event.key === "Escape") this.show(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The click that ends a drag must not choose the person below it. */
function swallowClick(stage) {
  const swallow = (click) => {
    click.stopPropagation();
    click.preventDefault();
  };
  stage.addEventListener("click", swallow, { capture: true });
  setTimeout(() => stage.removeEventListener("click", swallow, { capture: true }), 0);
}
