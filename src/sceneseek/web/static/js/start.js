/** The search view before anybody was chosen: how to begin. */

import { countFilters } from "./address.js";
import { button, h, icon } from "./dom.js";
import { ask, liftFilters, may, mediaCount, state } from "./state.js";
import { choosePicture } from "./taking.js";
import { counted, fileName } from "./words.js";

/** Which filters are on already, so that nobody wonders where the others are. */
function narrowed() {
  const { filters } = state.asked;
  const number = countFilters(filters);
  if (!number) return null;
  const only = filters.sources.length === 1 && number === 1 ? `Only ${fileName(filters.sources[0])} will be searched.` : "";
  return h(
    "div",
    { class: "notice" },
    icon("filter"),
    h("strong", {}, only || `${counted(number, "filter")} will apply`),
    button("Clear the filters", {
      kind: "small",
      onclick: (event) => {
        liftFilters();
        event.target.closest(".notice").remove();
      },
    }),
  );
}

/** The first thing one sees. */
export function startScreen() {
  const gallery = state.gallery;
  const holdsNobody = gallery && !gallery.num_people;
  return h(
    "section",
    { class: "start", "aria-labelledby": "start-title" },
    h("h1", { id: "start-title", tabindex: "-1" }, "Who are you looking for?"),
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
    narrowed(),
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
            ? `Searches ${counted(gallery.num_people, "detection")} in ${counted(mediaCount(gallery), "file")}. `
            : "",
          "The picture stays on this server, is kept for a short time only, and is not added to the gallery.",
        ),
  );
}
