/** Times that people write, read in one way only. Pure. */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ISO = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/;
const WORDS = /^(\d{1,2})\.? ([a-z]{3,9})\.?,? (\d{4})(?:[ ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/i;

export const DATE_HINT = "2026-05-04 12:30";

/**
 * A local time `YYYY-MM-DDTHH:MM:SS` from what somebody wrote: "2026-05-04", "2026-05-04 12:30", "4 May 2026, 12:30:10".
 *
 * "" for nothing, null for what cannot be understood in one way alone, such as 04/05/2026. A day without a time is its
 * beginning, or its end where `endOfDay` says so.
 */
export function readMoment(text, endOfDay = false) {
  const given = text.trim();
  if (!given) return "";
  const iso = ISO.exec(given);
  const words = iso ? null : WORDS.exec(given);
  if (!iso && !words) return null;
  const month = iso ? Number(iso[2]) : 1 + MONTHS.indexOf(words[2].slice(0, 3).toLowerCase());
  const [year, day] = iso ? [Number(iso[1]), Number(iso[3])] : [Number(words[3]), Number(words[1])];
  const [hour, minute, second] = (iso ?? words).slice(4, 7);
  const time =
    hour === undefined ? (endOfDay ? [23, 59, 59] : [0, 0, 0]) : [Number(hour), Number(minute), Number(second ?? 0)];
  const read = new Date(Date.UTC(year, month - 1, day, ...time));
  // A day or an hour that does not exist would become another one.
  const same = read.getUTCMonth() === month - 1 && read.getUTCDate() === day && read.getUTCHours() === time[0];
  return month >= 1 && same && time[1] < 60 && time[2] < 60 ? read.toISOString().slice(0, 19) : null;
}

/** The same as a field shows it: "2026-05-04 12:30:00". */
export function momentText(local) {
  return local.replace("T", " ");
}
