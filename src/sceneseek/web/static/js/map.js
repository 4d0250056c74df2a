/** Where the person was seen when: a row for each camera, time to the right, and the way between likely sightings. */

import { brush } from "./brush.js";
import { dot, drawing, legend, pointShape, pointedAt, timeAxis, timeless, walkable } from "./charts.js";
import { h, s } from "./dom.js";
import { onOneAxis, rangeWords } from "./moments.js";
import { empty } from "./placeholders.js";
import { linear, padded, stacked } from "./scales.js";
import { markOf } from "./state.js";
import { counted, fileName } from "./words.js";

const LANE = 20;
const ROW_MOST = 100;
const ROW_PAD = 13;
const TOP = 6;
const BOTTOM = 30;
const NARROW = 560;
const LETTER = 7.5;
const NO_CAMERA = "no named camera";

/** The camera-by-time map of an answer. */
export function cameraMap(ranking, open) {
  const { wall, entries, without } = onOneAxis(ranking.matches);
  if (!entries.length)
    return empty("map", "No match carries a time", "Without times there is no order in which the cameras saw anybody.");
  // A video is one camera, named or not. Photographs of no named camera share a row: a row for each would say nothing.
  const nameOf = ({ match }) => match.camera_id ?? (match.time_s === null ? NO_CAMERA : fileName(match.source));
  const cameras = [...new Set(entries.map(nameOf))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const first = Math.min(...entries.map((entry) => entry.start));
  const last = Math.max(...entries.map((entry) => entry.end));
  const caption = h("div", { class: "pointed" });
  const shown = pointedAt(caption);
  const range = rangeWords(wall, first, last);
  const words = `${counted(entries.length, "sighting")} on ${counted(cameras.length, "camera")}, ${range}.`;
  const chart = drawing(words, (svg, width) => {
    const narrow = width < NARROW;
    const longest = Math.max(...cameras.map((name) => name.length));
    const left = narrow ? 12 : Math.min(width / 3, 280, 24 + LETTER * longest);
    const letters = narrow ? 60 : Math.floor((left - 24) / LETTER);
    const right = width - 16;
    const [from, to] = padded(first, last);
    const x = linear(from, to, left, right);
    const middles = new Map();
    const centres = new Map();
    const rows = [];
    let y = TOP;
    for (const camera of cameras) {
      const here = entries.filter((entry) => nameOf(entry) === camera);
      const lanes = stacked(
        here.map((entry) => [x(entry.start), Math.max(x(entry.end), x(entry.start) + 13)]),
        3,
      );
      const head = narrow ? 18 : 0;
      const deepest = Math.max(0, ...lanes);
      // Many at one moment stand closer: the row stays low, and keys still reach each of them.
      const lane = Math.min(LANE, ROW_MOST / Math.max(1, deepest));
      const height = head + 2 * ROW_PAD + lane * deepest;
      rows.push(
        s(
          "g",
          { class: "row", "aria-hidden": "true" },
          s("rect", { x: 0, y, width, height }),
          s("text", { x: 12, y: narrow ? y + 17 : y + height / 2 + 4.5 }, shortened(camera, letters), s("title", {}, camera)),
        ),
      );
      here.forEach((entry, at) => {
        middles.set(entry, y + head + ROW_PAD + lane * lanes[at]);
        centres.set(entry, y + head + (height - head) / 2);
      });
      y += height + 2;
    }
    const axis = { wall, from, to, x, left, right, top: TOP, bottom: y };
    const shapes = entries.map((entry) => {
      const kind = pointShape(entry);
      const [x1, x2, middle] = [x(entry.start), x(entry.end), middles.get(entry)];
      return s(
        "g",
        { class: `point ${kind}` },
        s("line", { class: "span", x1, x2: Math.max(x2, x1 + 0.1), y1: middle, y2: middle }),
        dot(kind, (x1 + x2) / 2, middle),
        s("rect", { class: "reach", x: x1 - 10, y: middle - 11, width: x2 - x1 + 20, height: 22 }),
      );
    });
    svg.append(...rows, timeAxis(axis), brush(axis), ...[way(entries, ranking, x, centres)].filter(Boolean), ...shapes);
    walkable(shapes, entries, shown, open);
    return y + BOTTOM;
  });
  const kinds = entries.map((entry) => pointShape(entry));
  return h(
    "div",
    { class: "panel map" },
    h("header", {}, h("h2", {}, rangeWords(wall, first, last)), legend(kinds)),
    chart,
    caption,
    timeless(without, wall),
  );
}

/** A line through the cameras in the order of the sightings that nobody doubts. */
function way(entries, ranking, x, centres) {
  const sure = entries.filter((entry) => ["right", "likely"].includes(pointShape(entry)));
  if (sure.length < 2) return null;
  const points = sure.flatMap((entry) => [
    `${x(entry.start)},${centres.get(entry)}`,
    `${x(entry.end)},${centres.get(entry)}`,
  ]);
  return s("polyline", { class: "way", points: points.join(" "), "aria-hidden": "true" });
}

/** A name that is too long loses its middle: names of files differ at their ends. */
function shortened(name, most) {
  if (name.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${name.slice(0, most - 1 - end)}…${name.slice(-end)}`;
}
