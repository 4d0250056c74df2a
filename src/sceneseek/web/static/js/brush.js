/** Drag over a time axis to search within that time only. The fields of the filters do the same for keys. */

import { s } from "./dom.js";
import { restrict } from "./state.js";

const LEAST_PX = 6;

/** A ground to drag over, to be laid below the sightings; given what the axis was drawn from, see `timeAxis`. */
export function brush({ wall, from, to, left, right, top, bottom }) {
  const size = { y: top, height: bottom - top };
  const ground = s("rect", { class: "ground", x: left, width: right - left, ...size });
  const band = s("rect", { class: "brush", visibility: "hidden", ...size });
  let start = null;
  const place = (event) => {
    const x = event.clientX - ground.ownerSVGElement.getBoundingClientRect().left;
    return Math.min(Math.max(x, left), right);
  };
  const seconds = (x) => from + ((x - left) / (right - left)) * (to - from);
  ground.addEventListener("pointerdown", (event) => {
    // A finger scrolls the page.
    if (event.button !== 0 || event.pointerType !== "mouse") return;
    start = place(event);
    ground.setPointerCapture(event.pointerId);
  });
  ground.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [low, high] = [Math.min(start, place(event)), Math.max(start, place(event))];
    band.setAttribute("x", low);
    band.setAttribute("width", high - low);
    band.setAttribute("visibility", "visible");
  });
  const finish = (event) => {
    if (start === null) return;
    const [low, high] = [Math.min(start, place(event)), Math.max(start, place(event))];
    start = null;
    band.setAttribute("visibility", "hidden");
    if (event.type === "pointerup" && high - low >= LEAST_PX) restrict(within(wall, seconds(low), seconds(high)));
  };
  ground.addEventListener("pointerup", finish);
  ground.addEventListener("pointercancel", finish);
  return s("g", { "aria-hidden": "true" }, band, ground);
}

/** The filters for a time: on the clock as the reader's local time, else as seconds of the video. */
function within(wall, from, to) {
  if (!wall) return { since_s: Math.max(0, Math.floor(from)), until_s: Math.ceil(to) };
  return { after: local(Math.floor(from)), before: local(Math.ceil(to)) };
}

function local(seconds) {
  const date = new Date(seconds * 1000);
  const pad = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
