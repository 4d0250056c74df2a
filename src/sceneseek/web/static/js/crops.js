/** Small pictures of people: cut out by the browser from a query picture, or the gallery's own thumbnails. */

import { api, pictures } from "./api.js";
import { h, put, s } from "./dom.js";
import { veil } from "./outlines.js";
import { state } from "./state.js";

const SIDE = 1600;

/** A cut-out of a picture as SVG: its view is the box, so nothing is decoded twice. */
export function cutOut(address, width, height, box, words) {
  const [x1, y1, x2, y2] = box;
  const image = s("image", { href: address, width, height });
  const picture = s(
    "svg",
    {
      viewBox: `${x1} ${y1} ${Math.max(1, x2 - x1)} ${Math.max(1, y2 - y1)}`,
      preserveAspectRatio: "xMidYMid meet",
      role: "img",
      "aria-label": words,
    },
    image,
    // Where the place is wider than the box the surroundings show; dimmed, nobody mistakes them for the query.
    veil(width, height, [box]),
  );
  image.addEventListener("error", () => picture.replaceWith(gone("picture no longer kept")), { once: true });
  return picture;
}

function gone(words) {
  return h("span", { class: "gone small faint" }, words);
}

/** Cut out of a picture of the gallery, whose size is known when it has come. */
function sceneCrop({ media_key, frame_index, box }, words) {
  const place = h("span", { class: "cut-out" }, h("span", { class: "spinner" }));
  const show = (frame) => put(place, cutOut(pictures.frame(media_key, frame_index, SIDE), frame.width, frame.height, box, words));
  api.frame(media_key, frame_index).then(show, () => put(place, gone("picture no longer there")));
  return place;
}

/** The gallery's thumbnail of a person; a word where it is gone. */
export function thumbnail(detectionId, words) {
  const image = h("img", { src: pictures.crop(detectionId), alt: words, loading: "lazy", decoding: "async" });
  image.addEventListener(
    "error",
    () => image.replaceWith(gone("no picture kept")),
    { once: true },
  );
  return image;
}

/** The picture of an example, whatever kind it is. */
export function exampleCrop(example, words) {
  if (example.detection_id !== undefined) return thumbnail(example.detection_id, words);
  if (example.media_key !== undefined) return sceneCrop(example, words);
  const picture = state.pictures.get(example.query_id);
  const box = example.box ?? picture?.people.find((person) => person.index === example.person)?.box;
  if (!picture || !box) return gone("picture no longer kept");
  return cutOut(pictures.query(example.query_id), picture.width, picture.height, box, words);
}
