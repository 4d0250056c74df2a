/** What stands in the middle of the scene viewer: a frame with its people outlined, the frames around it, or a clip. */

import { pictures, whyNot } from "./api.js";
import { button, h, icon, put } from "./dom.js";
import { boxButton, outline, overlay, veil } from "./outlines.js";
import { clock, counted, fileName } from "./words.js";

const SIDE = 1600;
const STRIP_SIDE = 200;
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
 * `choose(person)` is called for a click; `still()` says whether the frame is still the one to show.
 */
export function showFrame(place, frame, { wanted, chosen, dims, choose, still }) {
  const { width, height, people } = frame;
  const image = h("img", { src: frameAddress(frame), alt: frameWords(frame, wanted), width, height });
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
  put(
    place,
    stage(
      frame,
      "",
      image,
      overlay(
        width,
        height,
        ...(dims && bright.length ? [veil(width, height, bright)] : []),
        ...order.map((person) => outline(person.box, kind(person))),
      ),
      ...people.map((person, at) =>
        boxButton(person.box, width, height, name(person, at), {
          "aria-pressed": String(person === chosen),
          onclick: () => choose(person),
        }),
      ),
    ),
  );
}

/** Show the frames before and after in `place`, the one at `current` marked; `go(at)` is called for a click. */
export function showStrip(place, frames, current, go) {
  const item = (frame, at) =>
    h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          "aria-current": at === current ? "true" : null,
          "aria-label": `Frame at ${clock(frame.time_s ?? 0)}, ${counted(frame.people.length, "person", "people")}`,
          onclick: () => go(at),
        },
        h("img", {
          src: pictures.frame(frame.media_key, frame.frame_index, STRIP_SIDE),
          alt: "",
          loading: "lazy",
          decoding: "async",
          width: frame.width,
          height: frame.height,
        }),
        h("span", {}, clock(frame.time_s ?? 0)),
      ),
    );
  put(place, ...(frames.length > 1 ? frames.map(item) : []));
  place.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

/** Mark another frame of a strip that is shown already. */
export function moveStrip(place, current) {
  [...place.children].forEach((item, at) => {
    const pressed = item.firstElementChild;
    if (at === current) pressed.setAttribute("aria-current", "true");
    else pressed.removeAttribute("aria-current");
  });
  place.children[current]?.scrollIntoView({ block: "nearest", inline: "center" });
}

/** Play the clip of a sighting, or around a frame, in `place`; `back()` returns to the frame. */
export function showClip(place, frame, sighting, back) {
  const start = Math.max(0, (sighting ? sighting.start_s : frame.time_s) - CLIP_LEAD_S);
  const end = Math.min(start + CLIP_MOST_S, (sighting ? sighting.end_s : frame.time_s) + CLIP_LEAD_S);
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
