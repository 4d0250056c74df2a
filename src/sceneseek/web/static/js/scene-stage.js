/** What stands in the middle of the scene viewer: a frame with its people outlined, or a clip. */

import { pictures, whyNot } from "./api.js";
import { button, h, icon, put } from "./dom.js";
import { look } from "./look.js";
import { boxButton, outline, veil } from "./outlines.js";
import { clock, counted, fileName } from "./words.js";

const SIDE = 1600;
const SHARP = 4096;
const CLIP_LEAD_S = 2;
const CLIP_MOST_S = 28;

/** Where the large picture of a frame is. */
export function frameAddress(frame) {
  return pictures.frame(frame.media_key, frame.frame_index, SIDE);
}

/** A frame in words: "door.mp4 at 0:12: 3 people, the match outlined". */
export function frameWords(frame, wanted) {
  const when = frame.time_s === null ? "" : ` at ${clock(frame.time_s)}`;
  const who = counted(frame.people.length, "person", "people");
  return `${frame.name || fileName(frame.source)}${when}: ${who}${wanted ? ", the match outlined" : ""}`;
}

/**
 * Show a frame in `place`: `wanted` is outlined, `chosen` too, everybody else thinly; `dims` darkens all but these two.
 * `choose(person)` is called for a click, `drawn(box)` for a box that is drawn, `accepted()` for Enter on it; `still()`
 * says whether the frame is still the one to show. Returns what `look` returns.
 */
export function showFrame(place, frame, { wanted, chosen, dims, zoom, choose, drawn, accepted, still }) {
  const { width, height, people } = frame;
  const image = h("img", {
    src: frameAddress(frame),
    alt: frameWords(frame, wanted),
    width,
    height,
    draggable: "false",
  });
  const missing = async () => {
    const why = await whyNot(frameAddress(frame));
    if (still()) put(place, notice("scene", "The picture is not there", why));
  };
  image.addEventListener("error", missing, { once: true });
  const bright = people.filter((person) => person === wanted || person === chosen).map((person) => person.box);
  const kind = (person) => (person === wanted ? "match" : person === chosen ? "chosen" : "other");
  const name = (person, at) => {
    const who = person === wanted ? "The match" : `Person ${at + 1} of ${people.length}`;
    return [who, ...person.flags].join(", ");
  };
  // The one wanted is drawn last: nobody's line lies over theirs.
  const order = [...people].sort((a, b) => (a === wanted) - (b === wanted));
  const seen = look({
    width,
    height,
    image,
    sharper: Math.max(width, height) > SIDE ? pictures.frame(frame.media_key, frame.frame_index, SHARP) : null,
    shapes: [
      ...(dims && bright.length ? [veil(width, height, bright)] : []),
      ...order.map((person) => outline(person.box, kind(person))),
    ],
    buttons: people.map((person, at) =>
      boxButton(person.box, width, height, name(person, at), {
        "aria-pressed": String(person === chosen),
        onclick: () => choose(person),
      }),
    ),
    drawn,
    accepted,
    kind: "scene-stage",
  });
  const before = place.querySelector(".look");
  const [left, top] = before ? [before.scrollLeft, before.scrollTop] : [0, 0];
  put(place, seen.element);
  if (zoom > 1) {
    // Who looks at a corner of the picture stays there from frame to frame.
    seen.zoom.to(zoom);
    seen.element.scrollTo(left, top);
  }
  return seen;
}

/** From when to when a clip plays: the whole sighting, or of a long one what is around the moment shown. Pure. */
export function clipSpan(sighting, time_s) {
  const [first, last] = sighting ? [sighting.start_s, sighting.end_s] : [time_s, time_s];
  const [from, to] = [Math.max(0, first - CLIP_LEAD_S), last + CLIP_LEAD_S];
  if (to - from <= CLIP_MOST_S) return [from, to];
  const start = Math.min(Math.max(from, time_s - CLIP_MOST_S / 2), to - CLIP_MOST_S);
  return [start, start + CLIP_MOST_S];
}

/** Play the clip of a sighting, or around a frame, in `place`; `back()` returns to the frame. */
export function showClip(place, frame, sighting, back) {
  const [start, end] = clipSpan(sighting, frame.time_s);
  const address = pictures.clip(frame.media_key, start, end);
  const video = h("video", {
    src: address,
    controls: true,
    autoplay: true,
    playsinline: true,
    muted: true,
    "aria-label": `Clip from ${clock(start)} to ${clock(end)}`,
  });
  const status = h(
    "p",
    { class: "clip-status note soft", role: "status" },
    h("span", { class: "spinner" }),
    " Cutting the clip…",
  );
  video.addEventListener("loadeddata", () => status.remove());
  const missing = async () => {
    const why = await whyNot(address);
    if (!video.isConnected) return;
    put(
      place,
      notice("film", "The clip cannot be played", why, button("Back to the frame", { kind: "small", onclick: back })),
    );
  };
  video.addEventListener("error", missing, { once: true });
  put(place, stage(frame, "clip", video, status));
}

/** Say in `place` that there is nothing to see, and why. */
export function showRefusal(place, title, problem) {
  const message = notice("warn", title, problem.words ?? String(problem));
  message.classList.add("bad");
  message.setAttribute("role", "alert");
  put(place, message);
}

function stage({ width, height }, kind, ...content) {
  const style = { "--ratio": String(width / height), "aspect-ratio": `${width} / ${height}` };
  return h("div", { class: `scene-stage ${kind}`.trim(), style }, ...content);
}

function notice(sign, title, words, action = null) {
  return h("div", { class: "notice" }, icon(sign), h("strong", {}, title), h("p", {}, words), action);
}
