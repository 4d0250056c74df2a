/** A picture larger than its place: zoomed by buttons, keys or a pinch, moved by scrolling or dragging. */

import { button, h } from "./dom.js";

const STEPS = [1, 1.5, 2, 3, 4, 6, 8];
const WHEEL = 0.01;
const MOST = STEPS.at(-1);

/**
 * Zoom of `stage` within `holder`, which scrolls. `changed(zoom)` is told of each change; `mayDrag(event)` says whether
 * a press moves the picture.
 */
export class Zoom {
  constructor(holder, stage, { changed, mayDrag }) {
    Object.assign(this, { holder, stage, changed });
    this.value = 1;
    const at = (event) => [event.clientX, event.clientY];
    holder.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return; // a pinch comes as this, too; a plain wheel scrolls
        event.preventDefault();
        this.to(this.value * Math.exp(-event.deltaY * WHEEL), at(event));
      },
      { passive: false },
    );
    holder.addEventListener("pointerdown", (event) => {
      if (this.value > 1 && event.pointerType === "mouse" && mayDrag(event)) this.drag(event);
    });
  }

  get isWhole() {
    return this.value === 1;
  }

  /** One step in (1) or out (-1). */
  step(by) {
    const here = STEPS.findIndex((step) => step >= this.value - 1e-6);
    const between = STEPS[here] > this.value + 1e-6;
    this.to(STEPS[Math.min(STEPS.length - 1, Math.max(0, here + by - (between && by > 0 ? 1 : 0)))]);
  }

  /** Show the whole picture. */
  fit() {
    this.to(1);
  }

  /** Zoom to a value; the point `at` of the window stays where it is, the middle when it is not given. */
  to(value, at = null) {
    const next = Math.min(MOST, Math.max(1, value));
    const { holder } = this;
    const area = holder.getBoundingClientRect();
    const [x, y] = at ? [at[0] - area.left, at[1] - area.top] : [area.width / 2, area.height / 2];
    const share = next / this.value;
    const [left, top] = [(holder.scrollLeft + x) * share - x, (holder.scrollTop + y) * share - y];
    this.value = next;
    this.stage.style.setProperty("--zoom", String(next));
    holder.classList.toggle("zoomed", next > 1);
    holder.scrollTo(left, top);
    this.changed(next);
  }

  /** What is seen of a picture of this size, `[left, top, right, bottom]` in its pixels. */
  view(width, height) {
    const { holder, stage } = this;
    const [x, y] = [width / Math.max(1, stage.clientWidth), height / Math.max(1, stage.clientHeight)];
    const [left, top] = [holder.scrollLeft * x, holder.scrollTop * y];
    return [left, top, Math.min(width, left + holder.clientWidth * x), Math.min(height, top + holder.clientHeight * y)];
  }

  drag(pressed) {
    if (pressed.button !== 0) return;
    const { holder } = this;
    const [left, top] = [holder.scrollLeft, holder.scrollTop];
    let drags = false;
    const move = (event) => {
      const [dx, dy] = [event.clientX - pressed.clientX, event.clientY - pressed.clientY];
      if (!drags && Math.hypot(dx, dy) < 4) return;
      if (!drags) holder.setPointerCapture(pressed.pointerId);
      drags = true;
      holder.classList.add("moving");
      holder.scrollTo(left - dx, top - dy);
    };
    const end = () => {
      holder.removeEventListener("pointermove", move);
      holder.classList.remove("moving");
      if (!drags) return;
      const swallow = (click) => click.stopPropagation();
      holder.addEventListener("click", swallow, { capture: true });
      setTimeout(() => holder.removeEventListener("click", swallow, { capture: true }), 0);
    };
    holder.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) holder.addEventListener(name, end, { once: true });
  }

  /** Buttons for it; `show()` brings them up to date. */
  tools() {
    const tool = (sign, label, onclick) => button("", { sign, label, kind: "small", onclick });
    const out = tool("minus", "Zoom out (−)", () => this.step(-1));
    const into = tool("plus", "Zoom in (+)", () => this.step(1));
    const whole = tool("whole", "Whole picture (0)", () => this.fit());
    const show = () => {
      out.disabled = whole.disabled = this.isWhole;
      into.disabled = this.value >= MOST;
    };
    show();
    return { place: h("span", { class: "paired" }, out, into, whole), show };
  }

  /** Do what a key asks for; says whether it was one of these. */
  key(key) {
    const action = { "+": () => this.step(1), "=": () => this.step(1), "-": () => this.step(-1), 0: () => this.fit() }[
      key
    ];
    action?.();
    return Boolean(action);
  }
}
