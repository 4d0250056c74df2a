/** What timeline and camera map share: a drawing as wide as its place, a time axis, points that keys walk through. */

import { thumbnail } from "./crops.js";
import { h, put, s } from "./dom.js";
import { matchWords } from "./matches.js";
import { tickWords, zoneOffset } from "./moments.js";
import { ticks } from "./scales.js";
import { markOf } from "./state.js";
import { cameraWords, counted, spanWords } from "./words.js";

const TICK_WIDTH = 84;

/** An SVG drawn anew whenever its place changes width: `draw(svg, width)` returns its height. */
export function drawing(words, draw) {
  const svg = s("svg", { class: "chart", role: "group", "aria-label": words });
  const holder = h("div", { class: "chart-holder" }, svg);
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (!width || width === last) return;
    last = width;
    svg.replaceChildren();
    const height = draw(svg, width);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
  }).observe(holder);
  return holder;
}

/** Time below a drawing: grid lines and words. `x` maps seconds to pixels. */
export function timeAxis({ wall, from, to, x, left, right, top, bottom }) {
  const grid = ticks(from, to, Math.max(2, Math.floor((right - left) / TICK_WIDTH)), zoneOffset(wall, from));
  return s(
    "g",
    { class: "axis", "aria-hidden": "true" },
    s("line", { class: "base", x1: left, x2: right, y1: bottom, y2: bottom }),
    ...grid.at.map((at) =>
      s(
        "g",
        {},
        s("line", { x1: x(at), x2: x(at), y1: top, y2: bottom }),
        s("text", { x: x(at), y: bottom + 18, "text-anchor": "middle" }, tickWords(wall, at, grid.step)),
      ),
    ),
  );
}

/** A sign for one match, told apart by shape: filled, hollow, ticked, crossed. */
export function pointShape({ match }) {
  return markOf(match.detection_id) ?? match.standing ?? "example";
}

/**
 * Make shapes behave as one widget: Tab enters, arrows walk in time order, Enter opens, focus and hover show who it is.
 *
 * `shapes` are SVG groups in time order with their `entries`; `shown` receives what is pointed at.
 */
export function walkable(shapes, entries, shown, open) {
  shapes.forEach((shape, at) => {
    const { match } = entries[at];
    shape.setAttribute("role", "button");
    shape.setAttribute("tabindex", at === 0 ? "0" : "-1");
    shape.setAttribute("aria-label", `${matchWords(match)}. Open the scene`);
    shape.addEventListener("click", () => open(match));
    shape.addEventListener("pointerenter", () => show(at));
    shape.addEventListener("focus", () => show(at));
    shape.addEventListener("keydown", (event) => {
      const to = {
        ArrowRight: at + 1,
        ArrowDown: at + 1,
        ArrowLeft: at - 1,
        ArrowUp: at - 1,
        Home: 0,
        End: shapes.length - 1,
      }[event.key];
      if (event.key === "Enter" || event.key === " ") open(match);
      else if (to === undefined) return;
      else if (shapes[to]) {
        shape.setAttribute("tabindex", "-1");
        shapes[to].setAttribute("tabindex", "0");
        shapes[to].focus();
      }
      event.preventDefault();
      event.stopPropagation();
    });
  });

  function show(at) {
    shapes.forEach((shape, other) => shape.classList.toggle("shown", other === at));
    shown(entries[at]);
  }
}

/** Who a point is: crop, time, place, trust. */
export function pointedAt(holder) {
  put(
    holder,
    h(
      "p",
      { class: "note faint" },
      "Point at a sighting, or walk through them with the arrow keys; Enter opens the scene. ",
      "Drag over a time to search within it.",
    ),
  );
  return ({ match }) =>
    put(
      holder,
      h("div", { class: "portrait" }, thumbnail(match.detection_id, "")),
      h(
        "p",
        {},
        h("b", {}, `${match.rank}. ${spanWords(match)}`),
        h("span", { class: "soft" }, ` ${match.camera_id ? `on ${cameraWords(match.camera_id)}` : ""}`),
        h("br"),
        h(
          "span",
          { class: "note soft" },
          `${match.words.standing} · similarity ${match.similarity.toFixed(3)}`,
        ),
      ),
    );
}

/** The key to the shapes, only those that occur. */
export function legend(kinds) {
  const words = {
    likely: "Likely",
    possible: "Possible",
    distant: "Not close",
    example: "Example",
    right: "Marked right",
    wrong: "Marked wrong",
  };
  return h(
    "ul",
    { class: "legend note soft" },
    ...Object.keys(words)
      .filter((kind) => kinds.includes(kind))
      .map((kind) =>
        h(
          "li",
          {},
          s("svg", { viewBox: "-9 -9 18 18", width: 16, height: 16, "aria-hidden": "true" }, dot(kind, 0, 0)),
          words[kind],
        ),
      ),
  );
}

/** The sign itself at a place. */
export function dot(kind, x, y) {
  const inner = {
    right: s("path", { class: "sign", d: "M-3.2 0.2 -0.8 2.6 3.4 -2.6" }),
    wrong: s("path", { class: "sign", d: "M-2.6 -2.6 2.6 2.6M2.6 -2.6 -2.6 2.6" }),
  }[kind];
  return s(
    "g",
    { class: `dot ${kind}`, transform: `translate(${x} ${y})` },
    s("circle", { r: inner ? 6.5 : 5 }),
    inner,
  );
}

/** What could not be drawn, counted; nothing where everything was. */
export function timeless(number, wall) {
  if (!number) return null;
  const who = counted(number, "match has", "matches have");
  return h(
    "p",
    { class: "inside note faint" },
    `${who} no ${wall ? "time on the clock" : "time"} and cannot be shown here.`,
  );
}
