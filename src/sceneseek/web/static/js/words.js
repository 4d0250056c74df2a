/** Numbers and times as people say them. Pure: no page, no network. */

const COUNT = new Intl.NumberFormat("en-GB");

/** `counted(1, "match", "matches")` is "1 match". */
export function counted(number, one, many = `${one}s`) {
  return `${COUNT.format(number)} ${number === 1 ? one : many}`;
}

/** A whole number with separators. */
export function grouped(number) {
  return COUNT.format(number);
}

/** Seconds from the start of a video as `m:ss` or `h:mm:ss`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** A time that is to come: "about 3 min". */
export function remaining(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

/** Bytes as people say them. */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = number;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** The day of a moment, in the reader's zone. */
export function day(date) {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** The time of day of a moment, in the reader's zone. */
export function timeOfDay(date) {
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** Day and time of a moment. */
export function moment(date) {
  return `${day(date)}, ${timeOfDay(date)}`;
}

/** "camera 2"; a name that says it already is left alone, and so is a device that EXIF names. */
export function cameraWords(cameraId) {
  return /^cam(era)?(?![a-z])|\(EXIF\)$/i.test(cameraId) ? cameraId : `camera ${cameraId}`;
}

/** A path as people read it: digests in it, which folders of uploads are named by, are cut short. */
export function sourceWords(source) {
  return source.replace(/[0-9a-f]{40}/g, (digest) => `${digest.slice(0, 6)}…`);
}

/** The last part of a path or address. */
export function fileName(source) {
  return (
    source
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .pop() || source
  );
}

/**
 * When a match was in view: `{start, end}` as Dates where the clock on the wall is known, else as seconds of its video.
 * A photograph has `start` alone; a match without any time has neither.
 */
export function span(match) {
  const captured = match.captured_at ? new Date(match.captured_at) : null;
  const sighting = match.sighting;
  if (captured && sighting && match.time_s !== null && match.time_s !== undefined) {
    const at = (seconds) => new Date(captured.getTime() + (seconds - match.time_s) * 1000);
    return { wall: true, start: at(sighting.start_s), end: at(sighting.end_s) };
  }
  if (captured) return { wall: true, start: captured, end: captured };
  if (sighting) return { wall: false, start: sighting.start_s, end: sighting.end_s };
  if (match.time_s !== null && match.time_s !== undefined)
    return { wall: false, start: match.time_s, end: match.time_s };
  return { wall: false, start: null, end: null };
}

/** "12:03:10 to 12:03:42", "0:12 in the video", or "no time known". */
export function spanWords(match) {
  const { wall, start, end } = span(match);
  if (start === null) return "no time known";
  const say = wall ? timeOfDay : clock;
  const [from, to] = [say(start), say(end)];
  const words = from === to ? from : `${from} to ${to}`;
  return wall ? words : `${words} in the video`;
}

/** "seen 12:03:10 to 12:03:42 on camera 2". */
export function seen(match) {
  const words = spanWords(match);
  const where = match.camera_id ? ` on ${cameraWords(match.camera_id)}` : "";
  return words === "no time known" ? `seen${where || " at an unknown time"}` : `seen ${words}${where}`;
}

/** How often a stranger scores this high, as a sentence. */
export function rateWords(rate) {
  if (rate === null || rate === undefined) return "How often a stranger scores this high is not known";
  if (rate >= 0.5) return "Most strangers score this high";
  if (rate < 1e-6) return "Fewer than 1 in 1,000,000 strangers scores this high";
  return `1 in ${COUNT.format(rounded(1 / rate))} strangers scores this high`;
}

/** The same in as few words as a card has room for. */
export function rateShort(rate) {
  return rateWords(rate).replace(" scores this high", " this high");
}

/** How many strangers chance alone puts at least this high among all that were searched. */
export function expectedWords(rate, searched) {
  if (rate === null || rate === undefined || !searched) return "";
  const number = rate * searched;
  const among = `among the ${COUNT.format(searched)} searched`;
  if (number < 0.01) return `Chance alone would hardly ever put a stranger this high ${among}`;
  if (number < 0.95)
    return `The chance that a stranger is this high ${among} is about ${percent(1 - Math.exp(-number))}`;
  return `Expect about ${counted(rounded(number), "stranger")} this high ${among}`;
}

function percent(share) {
  return `${share < 0.1 ? (share * 100).toFixed(share < 0.01 ? 1 : 0) : Math.round(share * 100)} %`;
}

/** Two significant digits: a rate estimated from a sample deserves no more. */
function rounded(number) {
  const scale = 10 ** Math.max(0, Math.floor(Math.log10(number)) - 1);
  return Math.round(number / scale) * scale;
}

/** The bar: 0 to 5 steps, one for every power of ten that strangers are rarer. */
export function strength(rate) {
  if (rate === null || rate === undefined) return null;
  if (rate <= 0) return 5;
  return Math.max(0, Math.min(5, Math.round(-Math.log10(rate))));
}

/** One word for the bar, so that it is read without counting. */
export function strengthWord(steps) {
  return steps === null ? "not known" : ["none", "very weak", "weak", "fair", "strong", "very strong"][steps];
}

/** What each quality flag means to the reader. */
export const FLAGS = {
  small: "Small: few pixels, little to compare",
  blurred: "Blurred: details are lost",
  cut: "Cut: touches the border of the picture",
  unsure: "Unsure: the detector doubts that this is a person",
};

/** "small, blurred" for a list of flags, or nothing. */
export function flagWords(flags) {
  return (flags ?? []).join(", ");
}
