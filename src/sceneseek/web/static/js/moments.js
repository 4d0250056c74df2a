/** Matches in time: which of them can stand on one axis, and in which unit. Pure. */

import { clock, day, moment, span, timeOfDay } from "./words.js";

/**
 * Put matches on one time axis.
 *
 * The clock on the wall is used where any match knows it; else the seconds of the videos. Both on one axis would lie.
 * Returns `{wall, entries: [{match, index, start, end}], without}`, times in seconds, entries in time order; `without`
 * counts the matches that have no such time.
 */
export function onOneAxis(matches) {
  const spans = matches.map(span);
  const wall = spans.some((one) => one.wall);
  const seconds = (value) => (value instanceof Date ? value.getTime() / 1000 : value);
  const entries = matches
    .map((match, index) => ({
      match,
      index,
      start: seconds(spans[index].start),
      end: seconds(spans[index].end),
      usable: spans[index].start !== null && spans[index].wall === wall,
    }))
    .filter((entry) => entry.usable)
    .sort((a, b) => a.start - b.start || a.index - b.index);
  return { wall, entries, without: matches.length - entries.length };
}

/** Seconds from UTC to the reader's midnight, so that round hours are round for the reader. */
export function zoneOffset(wall, seconds) {
  return wall ? -60 * new Date(seconds * 1000).getTimezoneOffset() : 0;
}

/** What stands below a tick. */
export function tickWords(wall, seconds, step) {
  if (!wall) return clock(seconds);
  const date = new Date(seconds * 1000);
  if (step >= 86_400) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return step < 60 ? timeOfDay(date) : timeOfDay(date).slice(0, 5);
}

/** From when to when, for a caption. */
export function rangeWords(wall, from, to) {
  if (!wall) return `${clock(from)} to ${clock(to)} in the video`;
  const [a, b] = [new Date(from * 1000), new Date(to * 1000)];
  return day(a) === day(b) ? `${day(a)}, ${timeOfDay(a)} to ${timeOfDay(b)}` : `${moment(a)} to ${moment(b)}`;
}
