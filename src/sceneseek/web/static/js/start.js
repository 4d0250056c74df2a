/** The search view before anybody was chosen: how to begin. */

import { button, h, icon } from "./dom.js";
import { ask, may, mediaCount, state } from "./state.js";
import { choosePicture } from "./taking.js";
import { counted } from "./words.js";

/** The first thing one sees. */
export function startScreen() {
  const gallery = state.gallery;
  const holdsNobody = gallery && !gallery.num_people;
  return h(
    "section",
    { class: "start", "aria-labelledby": "start-title" },
    h("h1", { id: "start-title", tabindex: "-1" }, "Whom do you look for?"),
    h(
      "p",
      { class: "lead soft" },
      "Give a picture in which the person can be seen, from head to feet if possible. ",
      "You choose the person in the next step.",
    ),
    h(
      "div",
      { class: "dropzone" },
      icon("person", "large"),
      h(
        "p",
        {},
        h("strong", {}, "Drop a picture here"),
        h("span", { class: "soft" }, " or paste one from the clipboard"),
      ),
      h(
        "div",
        { class: "actions" },
        button("Choose a picture", { sign: "upload", kind: "primary", onclick: choosePicture }),
        button("Pick from the gallery", {
          sign: "gallery",
          onclick: () => ask({ view: "gallery" }, { remember: true }),
        }),
      ),
    ),
    holdsNobody
      ? h(
          "div",
          { class: "notice warn" },
          icon("warn"),
          h("strong", {}, "The gallery is empty"),
          h(
            "p",
            {},
            may("operator")
              ? "Add photographs or video first; then there is somebody to find."
              : "An operator must add photographs or video first.",
          ),
          may("operator")
            ? button("Add media", {
                sign: "index",
                kind: "small",
                onclick: () => ask({ view: "index" }, { remember: true }),
              })
            : null,
        )
      : h(
          "p",
          { class: "note faint" },
          gallery
            ? `Searches ${counted(gallery.num_people, "view")} of people in ${counted(mediaCount(gallery), "file")}. `
            : "",
          "The picture stays on this server, is kept for a short time only, and is not added to the gallery.",
        ),
  );
}
