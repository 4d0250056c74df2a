/** A file from its first searched picture to its last: which there are, fetched in parts as far as they are needed. */

import { api } from "./api.js";

const PAGE = 100;
const PAGES_KEPT = 12;
const FRAMES_KEPT = 40;
const STRETCHES = 400;

/**
 * The searched pictures of one file. Places are counted from 0.
 *
 * However long the video is, a few pages of it are held and a few frames with their people.
 */
export class Course {
  constructor(mediaKey) {
    this.mediaKey = mediaKey;
    this.total = 0;
    this.pages = new Map();
    this.frames = new Map();
    this.outlined = null;
  }

  /** Find a frame, or the first one when none is named; returns its place. */
  async find(frameIndex = null) {
    const asked = frameIndex === null ? { first: 0, most: 1 } : { frame_index: frameIndex, most: 1 };
    const found = await api.frames(this.mediaKey, asked);
    this.total = found.total;
    return found.place;
  }

  /** What is known of a place already: `{frame_index, time_s, num_people}`, or null. */
  known(place) {
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE] ?? null;
  }

  /** The same, fetched where it is not known; null beyond the end. */
  async mark(place) {
    if (place < 0 || place >= this.total) return null;
    const number = Math.floor(place / PAGE);
    if (!this.pages.has(number)) {
      const { frames, total } = await api.frames(this.mediaKey, { first: number * PAGE, most: PAGE });
      this.total = total;
      keep(this.pages, number, frames, PAGES_KEPT);
    }
    return this.known(place);
  }

  /** A picture with the people in it. */
  async frame(place) {
    const mark = await this.mark(place);
    if (!mark) return null;
    const kept = this.frames.get(mark.frame_index);
    if (kept) return kept;
    const frame = await api.frame(this.mediaKey, mark.frame_index);
    keep(this.frames, mark.frame_index, frame, FRAMES_KEPT);
    return frame;
  }

  /** The whole at a glance, see GET /api/media/{key}/outline. */
  outline() {
    this.outlined ??= api.outline(this.mediaKey, STRETCHES);
    return this.outlined;
  }

  /** The next place with people, forwards (1) or backwards (-1); null where there is none. */
  async withPeople(place, by) {
    const { stretches } = await this.outline();
    for (let at = place + by; at >= 0 && at < this.total; at += by) {
      const stretch = stretchAt(stretches, at);
      if (!stretches[stretch].num_people) {
        at = by > 0 ? (stretches[stretch + 1]?.first ?? this.total) - 1 : stretches[stretch].first;
        continue;
      }
      if ((await this.mark(at))?.num_people) return at;
    }
    return null;
  }
}

/** Which stretch a place lies in. */
export function stretchAt(stretches, place) {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (stretches[middle].first <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Put something into a map that holds so many; what came first goes first. */
function keep(map, name, value, most) {
  map.set(name, value);
  while (map.size > most) map.delete(map.keys().next().value);
}
