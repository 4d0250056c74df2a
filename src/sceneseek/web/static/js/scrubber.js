/** A whole video on one line: where one is in it, and where people are. */

import { h, put, s } from "./dom.js";
import { clock, counted } from "./words.js";

const HEIGHT = 18;

/** The line; `go(place)` is called while it is dragged and for its keys. */
export class Scrubber {
  constructor(course, go) {
    this.course = course;
    this.marks = h("div", { class: "scrubber-marks", "aria-hidden": "true" });
    this.said = h("span", { class: "note soft scrubber-words" });
    this.range = h("input", {
      type: "range",
      min: "0",
      max: String(course.total - 1),
      step: "1",
      value: "0",
      "aria-label": "Place in the video",
    });
    this.range.addEventListener("input", () => go(Number(this.range.value)));
    this.element = h("div", { class: "scrubber" }, h("div", { class: "scrubber-line" }, this.marks, this.range), this.said);
    this.draw();
  }

  /** Draw where people are; without that the line works as well. */
  async draw() {
    const outline = await this.course.outline().catch(() => null);
    if (!outline) return;
    this.end_s = outline.end_s;
    const most = Math.max(1, ...outline.stretches.map((stretch) => stretch.num_people));
    const bars = outline.stretches.map((stretch, at) => {
      const next = outline.stretches[at + 1]?.first ?? outline.total;
      const tall = stretch.num_people && HEIGHT * (0.35 + (0.65 * stretch.num_people) / most);
      return tall
        ? s("rect", { x: stretch.first, width: next - stretch.first, y: HEIGHT - tall, height: tall })
        : null;
    });
    put(
      this.marks,
      s("svg", { viewBox: `0 0 ${outline.total} ${HEIGHT}`, preserveAspectRatio: "none" }, ...bars.filter(Boolean)),
    );
    this.show(Number(this.range.value), this.mark);
  }

  /** Show a place; `mark` is what is known of it. */
  show(place, mark) {
    this.mark = mark;
    this.range.value = String(place);
    const whole = this.end_s === undefined || this.end_s === null ? "" : ` of ${clock(this.end_s)}`;
    const when = mark ? `${clock(mark.time_s ?? 0)}${whole}` : "";
    const who = mark ? counted(mark.num_people, "person", "people") : "";
    this.range.setAttribute("aria-valuetext", `${when}, ${who}`);
    put(this.said, when, h("br"), h("span", { class: "faint" }, `frame ${place + 1} of ${this.course.total}`));
  }
}
