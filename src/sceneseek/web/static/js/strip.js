/** The frames before and after, as small pictures: as many as there is room for, wherever in the video one is. */

import { pictures } from "./api.js";
import { h } from "./dom.js";
import { clock, counted } from "./words.js";

const SIDE = 200;
const WIDTH = 110;
const SETTLED_MS = 180;

/** Places that a strip of this width shows around one of them, `[from, to)`. Pure. */
export function placesAround(place, total, width) {
  const room = Math.max(1, Math.floor(width / WIDTH));
  const from = Math.min(Math.max(0, place - Math.floor((room - 1) / 2)), Math.max(0, total - room));
  return [from, Math.min(total, from + room)];
}

/** The strip; `go(place)` is called for a click. */
export class Strip {
  constructor(course, go) {
    Object.assign(this, { course, go });
    this.element = h("ol", { class: "strip", "aria-label": "Frames before and after" });
    this.items = new Map();
    this.place = 0;
    this.watched = new ResizeObserver(() => this.show(this.place));
    this.watched.observe(this.element);
  }

  /** Show the frames around a place. */
  show(place) {
    this.place = place;
    const { course, element, items } = this;
    const [from, to] = placesAround(place, course.total, element.clientWidth);
    const held = element.contains(document.activeElement);
    for (const [at, item] of items) {
      if (at >= from && at < to) continue;
      item.remove();
      items.delete(at);
    }
    for (let at = from; at < to; at += 1) {
      if (!items.has(at)) items.set(at, this.item(at));
      if (element.children[at - from] !== items.get(at)) element.insertBefore(items.get(at), element.children[at - from]);
      const pressed = items.get(at).firstElementChild;
      if (at === place) pressed.setAttribute("aria-current", "true");
      else pressed.removeAttribute("aria-current");
    }
    if (held && !element.contains(document.activeElement)) items.get(place)?.firstElementChild.focus();
    // Whoever runs through a video does not wait for pictures, and the server is not asked for them.
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.fill(), SETTLED_MS);
  }

  item(at) {
    return h("li", {}, h("button", { type: "button", "aria-label": "A frame", onclick: () => this.go(at) }));
  }

  async fill() {
    for (const [at, item] of [...this.items].sort(([a], [b]) => a - b)) {
      const pressed = item.firstElementChild;
      if (pressed.childElementCount) continue;
      const mark = await this.course.mark(at).catch(() => null);
      if (!mark || !item.isConnected || pressed.childElementCount) continue;
      const when = clock(mark.time_s ?? 0);
      pressed.setAttribute("aria-label", `Frame at ${when}, ${counted(mark.num_people, "person", "people")}`);
      pressed.classList.toggle("peopled", mark.num_people > 0);
      const image = h("img", {
        src: pictures.frame(this.course.mediaKey, mark.frame_index, SIDE),
        alt: "",
        decoding: "async",
      });
      image.addEventListener(
        "error",
        () => image.replaceWith(h("span", { class: "gone" }, "picture gone")),
        { once: true },
      );
      pressed.append(image, h("span", {}, when));
    }
  }

  close() {
    clearTimeout(this.settling);
    this.watched.disconnect();
  }
}
