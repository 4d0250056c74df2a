/** Boxes `[x1, y1, x2, y2]` in the pixels of a picture: drawn, moved, resized, and kept inside it. Pure. */

export const SMALLEST = 8;

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The box between two points. */
export function between([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
}

/** A box moved by `dx`, `dy`, as far as the picture reaches; its size stays. */
export function moved([x1, y1, x2, y2], dx, dy, width, height) {
  const right = clip(dx, -x1, width - x2);
  const down = clip(dy, -y1, height - y2);
  return [x1 + right, y1 + down, x2 + right, y2 + down];
}

/**
 * A box with one of its sides or corners moved: `handle` names them by points of the compass, such as `"nw"` or `"e"`.
 * No side passes the opposite one, and none leaves the picture.
 */
export function resized([x1, y1, x2, y2], handle, dx, dy, width, height, least = SMALLEST) {
  if (handle.includes("w")) x1 = clip(x1 + dx, 0, Math.max(0, x2 - least));
  if (handle.includes("e")) x2 = clip(x2 + dx, Math.min(width, x1 + least), width);
  if (handle.includes("n")) y1 = clip(y1 + dy, 0, Math.max(0, y2 - least));
  if (handle.includes("s")) y2 = clip(y2 + dy, Math.min(height, y1 + least), height);
  return [x1, y1, x2, y2];
}

/** Whether a box is large enough to show a person. */
export function showsSomebody([x1, y1, x2, y2]) {
  return x2 - x1 >= SMALLEST && y2 - y1 >= SMALLEST;
}

/** A box to a tenth of a pixel: what an address holds and a search is asked with. */
export function rounded(box) {
  return box.map((value) => Math.round(value * 10) / 10);
}

/** A box to begin with: upright, in the middle of what is seen of the picture (`view` in the picture's pixels). */
export function firstBox([left, top, right, bottom]) {
  const [w, h] = [right - left, bottom - top];
  return [left + 0.42 * w, top + 0.25 * h, left + 0.58 * w, top + 0.75 * h];
}
