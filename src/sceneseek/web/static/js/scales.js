/** Time on an axis: where to put it and what to write below it. Pure. */

const STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
  1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/** A linear scale from `[from, to]` to `[low, high]`; an interval without length is widened. */
export function linear(from, to, low, high) {
  const length = to - from || 1;
  const start = to === from ? from - 0.5 : from;
  return (value) => low + ((value - start) / length) * (high - low);
}

/** Round times within `[from, to]` (seconds), at most `most` of them. `offset_s` moves the grid to local midnight. */
export function ticks(from, to, most, offset_s = 0) {
  const step = STEPS_S.find((candidate) => (to - from) / candidate <= most) ?? STEPS_S.at(-1);
  const found = [];
  for (let at = Math.ceil((from + offset_s) / step) * step - offset_s; at <= to && found.length <= most; at += step)
    found.push(at);
  return { step, at: found };
}

/** Widen an interval by a share on both sides. */
export function padded(from, to, share = 0.04, least = 1) {
  const by = Math.max((to - from) * share, least);
  return [from - by, to + by];
}

/** Rows in which `intervals` of [start, end] do not overlap: a row number for each, in the order given. */
export function stacked(intervals, gap = 0) {
  const order = intervals.map((_, index) => index).sort((a, b) => intervals[a][0] - intervals[b][0]);
  const ends = [];
  const rows = new Array(intervals.length);
  for (const index of order) {
    const [start, end] = intervals[index];
    let row = ends.findIndex((last) => last + gap <= start);
    if (row < 0) row = ends.push(-Infinity) - 1;
    ends[row] = Math.max(start, end);
    rows[index] = row;
  }
  return rows;
}
