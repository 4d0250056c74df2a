/** What the gallery holds: its cameras, its files with their problems, and the way into any frame. */

import { button, h, put } from "./dom.js";
import { filesPanel } from "./files.js";
import { openForget } from "./forget.js";
import { openNaming } from "./naming.js";
import { empty, failed, loading } from "./placeholders.js";
import { ask, may, mediaCount, refreshGallery } from "./state.js";
import { bytes, cameraWords, counted, grouped, moment } from "./words.js";

/** The gallery view. */
export function galleryView() {
  const view = h("div", { class: "page" }, loading("Looking at the gallery…"));
  show(view);
  return view;
}

async function show(view) {
  try {
    const gallery = await refreshGallery();
    const again = () => show(view);
    const files = filesPanel(again);
    put(
      view,
      h(
        "header",
        { class: "headline split" },
        h("div", {}, h("h1", { tabindex: "-1" }, "Gallery"), h("p", { class: "soft wrap" }, gallery.name)),
        h(
          "div",
          { class: "actions" },
          may("operator")
            ? button("Add media", { sign: "index", onclick: () => ask({ view: "index" }, { remember: true }) })
            : null,
          may("keeper") ? button("Forget…", { sign: "bin", onclick: () => openForget({}, () => show(view)) }) : null,
        ),
      ),
      figures(gallery),
      gallery.num_people || mediaCount(gallery)
        ? h(
            "div",
            { class: "columns" },
            files.panel,
            h("div", { class: "stack" }, cameras(gallery, files.ofCamera, again), about(gallery)),
          )
        : emptyGallery(),
    );
  } catch (problem) {
    put(
      view,
      failed("The gallery could not be read", problem, () => show(view)),
    );
  }
}

function emptyGallery() {
  return empty(
    "gallery",
    "The gallery is empty",
    "Photographs, folders and video are added under Add media, or with the sceneseek index command.",
    may("operator")
      ? button("Add media", {
          sign: "index",
          kind: "primary",
          onclick: () => ask({ view: "index" }, { remember: true }),
        })
      : null,
  );
}

function figures(gallery) {
  const figure = (value, words) => h("div", { class: "figure" }, h("dd", {}, value), h("dt", {}, words));
  const named = gallery.cameras.filter((camera) => camera.camera_id).length;
  const time = gallery.first ? [figure(span(gallery), "time covered")] : [];
  return h(
    "dl",
    { class: "figures panel" },
    figure(grouped(gallery.num_people), gallery.num_people === 1 ? "detection" : "detections"),
    figure(grouped(mediaCount(gallery)), mediaCount(gallery) === 1 ? "file" : "files"),
    figure(grouped(gallery.num_frames), gallery.num_frames === 1 ? "picture searched" : "pictures searched"),
    figure(grouped(named), named === 1 ? "camera" : "cameras"),
    ...time,
    figure(bytes(gallery.bytes_on_disk), "on disk"),
  );
}

function span({ first, last }) {
  const hours = (new Date(last) - new Date(first)) / 3_600_000;
  if (hours < 1) return counted(Math.max(1, Math.round(hours * 60)), "minute");
  return hours < 48 ? counted(Math.round(hours), "hour") : counted(Math.round(hours / 24), "day");
}

function cameras(gallery, ofCamera, again) {
  const most = Math.max(1, ...gallery.cameras.map((camera) => camera.num_people));
  return h(
    "section",
    { class: "panel", "aria-labelledby": "cameras-title" },
    h("header", {}, h("h2", { id: "cameras-title" }, "Cameras")),
    gallery.cameras.length
      ? h(
          "ul",
          { class: "bars inside" },
          ...gallery.cameras.map((camera) =>
            h(
              "li",
              {},
              h(
                "div",
                { class: "labelled" },
                h(
                  "button",
                  {
                    type: "button",
                    class: "linkish wrap",
                    title: "Show its files",
                    onclick: () => ofCamera(camera.camera_id),
                  },
                  camera.camera_id ? cameraWords(camera.camera_id) : "no named camera",
                ),
                h("span", { class: "spring" }),
                h("span", { class: "faint" }, grouped(camera.num_people)),
                may("operator")
                  ? button(camera.camera_id ? "Rename" : "Name", {
                      kind: "quiet small",
                      "aria-label": `${camera.camera_id ? "Rename" : "Name"} ${
                        camera.camera_id ? cameraWords(camera.camera_id) : "the camera of files without one"
                      }`,
                      onclick: () => openNaming({ camera: camera.camera_id }, again),
                    })
                  : null,
              ),
              h(
                "div",
                { class: "meter", "aria-hidden": "true" },
                h("i", { style: { width: `${(100 * camera.num_people) / most}%` } }),
              ),
              camera.first
                ? h(
                    "p",
                    { class: "small faint" },
                    `${moment(new Date(camera.first))} to ${moment(new Date(camera.last))}`,
                  )
                : null,
            ),
          ),
        )
      : h("p", { class: "inside soft" }, "No camera was named."),
  );
}

function about(gallery) {
  const row = (name, value) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)];
  return h(
    "section",
    { class: "panel", "aria-labelledby": "about-title" },
    h("header", {}, h("h2", { id: "about-title" }, "How it was made")),
    h(
      "dl",
      { class: "facts-list note inside" },
      ...row("Model", gallery.model),
      ...row("Fingerprint", h("code", {}, gallery.fingerprint.slice(0, 16))),
      ...row("Created", createdWords(gallery.created)),
      ...row(
        "False-match rates",
        gallery.calibration.summary || (gallery.calibration.available ? "known" : "not known yet"),
      ),
    ),
  );
}

function createdWords(created) {
  const date = new Date(created);
  return Number.isNaN(date.getTime()) ? created : moment(date);
}
