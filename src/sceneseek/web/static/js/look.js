/** A picture to look into: people outlined and within reach, zoom, and a box for somebody who is not outlined. */

import { BoxEditor } from "./box.js";
import { button, h } from "./dom.js";
import { overlay } from "./outlines.js";
import { Zoom } from "./zoom.js";

const SHARP_FROM = 1.2;

/**
 * Make the picture.
 *
 * image:     an <img>; `sharper` is the address of a larger one, for when it is zoomed
 * shapes:    what lies over it, see outlines.js
 * buttons:   one for each person
 * drawn(box) is told of the box, null for none; accepted() is called for Enter on it.
 *
 * Returns `{element, tools, box, key}`: `tools` are buttons to stand elsewhere, `key(event)` does what keys ask for.
 */
export function look({ width, height, image, sharper, shapes, buttons, drawn, accepted, kind = "" }) {
  const ratio = { "aspect-ratio": `${width} / ${height}`, "--ratio": String(width / height) };
  const stage = h("div", { class: `stage ${kind}`.trim(), style: ratio }, image);
  stage.append(overlay(width, height, ...shapes), ...buttons);
  const element = h("div", { class: `look ${kind && `${kind}-look`}`.trim(), style: ratio }, stage);
  let draws = false;
  const inBox = (event) => Boolean(event.target.closest?.(".rubber"));
  const zoom = new Zoom(element, stage, {
    mayDrag: (event) => !draws && !inBox(event),
    changed(value) {
      tools.show();
      if (value > SHARP_FROM && sharper && image.getAttribute("src") !== sharper) image.src = sharper;
    },
  });
  const tools = zoom.tools();
  // Where there is nothing to move, a mouse draws at once. A finger scrolls, so it draws only where that was asked for.
  const editor = new BoxEditor(stage, width, height, {
    mayDraw: (event) => draws || (event.pointerType === "mouse" && zoom.isWhole),
    changed(box) {
      element.classList.toggle("boxed", box !== null);
      if (box === null && draws) setDraws(false);
      drawn(box);
    },
    accepted,
    view: () => zoom.view(width, height),
  });
  const draw = button("Draw a box", { sign: "box", kind: "small", "aria-pressed": "false" });
  draw.addEventListener("click", () => {
    if (draws) editor.show(null);
    else {
      setDraws(true);
      editor.begin();
    }
  });

  function setDraws(on) {
    draws = on;
    stage.classList.toggle("draws", on);
    draw.setAttribute("aria-pressed", String(on));
  }

  function key(event) {
    if (zoom.key(event.key)) return true;
    if (event.key !== "b") return false;
    draw.click();
    return true;
  }

  return {
    element,
    tools: [draw, tools.place],
    key,
    zoom,
    get box() {
      return editor.box;
    },
    drop: () => editor.show(null),
  };
}
