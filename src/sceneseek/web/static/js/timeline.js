/** When the person was seen: similarity over time, and below it the same in words, first things first. */

import { brush } from "./brush.js";
import { dot, drawing, legend, pointShape, pointedAt, timeAxis, timeless, walkable } from "./charts.js";
import { thumbnail } from "./crops.js";
import { h, s } from "./dom.js";
import { onOneAxis, rangeWords } from "./moments.js";
import { empty } from "./placeholders.js";
import { linear, padded } from "./scales.js";
import { trustBar } from "./trust.js";
import { cameraWords, counted, day, fileName, spanWords } from "./words.js";

const HEIGHT = 240;
const NARROW = 560;
const MARGIN = { left: 40, right: 16, top: 14, bottom: 30 };

/** The timeline of an answer. */
export function matchChart(ranking, open) {
  const { wall, entries, without } = onOneAxis(ranking.matches);
  if (!entries.length)
    return empty(
      "clock",
      "No match carries a time",
      "Photographs tell the time by their EXIF data or their file names; videos tell it always.",
    );
  const first = Math.min(...entries.map((entry) => entry.start));
  const last = Math.max(...entries.map((entry) => entry.end));
  const caption = h("div", { class: "pointed" });
  const shown = pointedAt(caption);
  const range = rangeWords(wall, first, last);
  const words = `${counted(entries.length, "sighting")}, ${range}. Similarity upwards, time to the right.`;
  const chart = drawing(words, (svg, width) => {
    const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom];
    const [from, to] = padded(first, last);
    const x = linear(from, to, left, right);
    const values = entries.map((entry) => entry.match.similarity);
    const [low, high] = padded(Math.min(...values), Math.max(...values), 0.12, 0.01);
    const y = linear(low, high, bottom, top);
    const axis = { wall, from, to, x, left, right, top, bottom };
    svg.append(similarityAxis(low, high, y, left, right), timeAxis(axis), brush(axis));
    const shapes = entries.map((entry) => {
      const kind = pointShape(entry);
      const height = y(entry.match.similarity);
      const [x1, x2] = [x(entry.start), x(entry.end)];
      return s(
        "g",
        { class: `point ${kind}` },
        s("line", { class: "span", x1, x2: Math.max(x2, x1 + 0.1), y1: height, y2: height }),
        dot(kind, (x1 + x2) / 2, height),
        s("circle", { class: "reach", cx: (x1 + x2) / 2, cy: height, r: 13 }),
      );
    });
    svg.append(...shapes);
    walkable(shapes, entries, shown, open);
    return HEIGHT;
  });
  return h(
    "div",
    { class: "panel timeline" },
    h(
      "header",
      {},
      h("h2", {}, rangeWords(wall, first, last)),
      legend(entries.map((entry) => pointShape(entry))),
    ),
    chart,
    caption,
    story(entries, wall, open),
    timeless(without, wall),
  );
}

function similarityAxis(low, high, y, left, right) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((size) => (high - low) / size <= 5) ?? 1;
  const lines = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    lines.push(
      s("line", { x1: left, x2: right, y1: y(value), y2: y(value) }),
      s("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)),
    );
  }
  return s("g", { class: "axis", "aria-hidden": "true" }, ...lines);
}

function story(entries, wall, open) {
  const rows = [];
  let today = null;
  for (const { match, start } of entries) {
    const date = wall ? day(new Date(start * 1000)) : null;
    if (date && date !== today) rows.push(h("li", { class: "day" }, h("h3", {}, date)));
    today = date;
    rows.push(
      h(
        "li",
        {},
        h(
          "button",
          { type: "button", class: "story-row", onclick: () => open(match) },
          h("span", { class: "portrait" }, thumbnail(match.detection_id, "")),
          h(
            "span",
            { class: "story-words" },
            h("b", {}, spanWords(match)),
            h("span", { class: "note soft" }, match.camera_id ? cameraWords(match.camera_id) : fileName(match.source)),
          ),
          trustBar(match),
          h("span", { class: "note faint story-rank" }, `match ${match.rank}`),
        ),
      ),
    );
  }
  return h("ol", { class: "story", "aria-label": "Sightings in time order" }, ...rows);
}
