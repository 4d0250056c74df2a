/** Boxes over a picture, in the picture's own pixels; one drawing for the query, the scene and the small scenes. */

import { h, s } from "./dom.js";

/** A veil with holes: everything but `boxes` is dimmed. */
export function veil(width, height, boxes) {
  const holes = boxes.map(([x1, y1, x2, y2]) => `M${x1} ${y1}V${y2}H${x2}V${y1}Z`).join("");
  return s("path", { class: "veil", d: `M0 0H${width}V${height}H0Z${holes}`, "fill-rule": "evenodd" });
}

/** An outline in two strokes, so that it is seen on any picture. */
export function outline(box, kind = "") {
  const [x1, y1, x2, y2] = box;
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, rx: 1 };
  return s(
    "g",
    { class: `outline ${kind}`.trim() },
    s("rect", { class: "halo", ...place }),
    s("rect", { class: "line", ...place }),
  );
}

/** Lay a drawing over a picture. */
export function overlay(width, height, ...shapes) {
  return s(
    "svg",
    { class: "overlay", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...shapes,
  );
}

/** A real button that covers a box, so that mouse, touch and keyboard choose a person in the same way. */
export function boxButton(box, width, height, words, attributes) {
  const [x1, y1, x2, y2] = box;
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  return h("button", {
    type: "button",
    class: "box",
    "aria-label": words,
    title: words,
    ...attributes,
    style: {
      left: percent(x1, width),
      top: percent(y1, height),
      width: percent(x2 - x1, width),
      height: percent(y2 - y1, height),
      // A small person in front of a large one must stay within reach.
      "z-index": String(1 + Math.round(900 * (1 - Math.min(1, ((x2 - x1) * (y2 - y1)) / (width * height))))),
    },
  });
}
