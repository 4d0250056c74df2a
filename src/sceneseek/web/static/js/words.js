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

/** The reader's zone, in which moments are told. */
export function timeZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
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
  return source.replace(/(?<=[/\\])[0-9a-f]{40}(?=[/\\])/g, (digest) => `${digest.slice(0, 6)}…`);
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
