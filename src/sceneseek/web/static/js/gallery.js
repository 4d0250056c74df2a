/** What the gallery holds: its cameras, its files with their problems, and the way into any frame. */

import { api, pictures } from "./api.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { openForget } from "./forget.js";
import { empty, failed, loading } from "./placeholders.js";
import { openFrame } from "./scene.js";
import { ask, may, mediaCount, refreshGallery, restrict, state } from "./state.js";
import { bytes, cameraWords, counted, grouped, moment } from "./words.js";

const PER_PAGE = 50;

/** The gallery view. */
export function galleryView() {
  const view = h("div", { class: "page" }, loading("Looking at the gallery…"));
  show(view);
  return view;
}

async function show(view) {
  try {
    const gallery = await refreshGallery();
    put(
      view,
      h(
        "header",
        { class: "headline split" },
        h("div", {}, h("h1", { tabindex: "-1" }, "Gallery"), h("p", { class: "soft wrap" }, gallery.name)),
        h(
          "div",
          { class: "actions" },
          may("operator") ? button("Add media", { sign: "index", onclick: () => ask({ view: "index" }, { remember: true }) }) : null,
          may("keeper") ? button("Forget…", { sign: "bin", onclick: () => openForget({}, () => show(view)) }) : null,
        ),
      ),
      figures(gallery),
      gallery.num_people || mediaCount(gallery) ? h("div", { class: "columns" }, files(view), h("div", { class: "stack" }, cameras(gallery), about(gallery))) : emptyGallery(),
    );
  } catch (problem) {
    put(view, failed("The gallery could not be read", problem, () => show(view)));
  }
}

function emptyGallery() {
  return empty(
    "gallery",
    "The gallery is empty",
    "Photographs, folders and video are added under Add media, or with the sceneseek index command.",
    may("operator") ? button("Add media", { sign: "index", kind: "primary", onclick: () => ask({ view: "index" }, { remember: true }) }) : null,
  );
}

function figures(gallery) {
  const figure = (value, words) => h("div", { class: "figure" }, h("dd", {}, value), h("dt", {}, words));
  const time = gallery.first ? [figure(span(gallery), "time covered")] : [];
  return h(
    "dl",
    { class: "figures panel" },
    figure(grouped(gallery.num_people), gallery.num_people === 1 ? "person view" : "person views"),
    figure(grouped(mediaCount(gallery)), mediaCount(gallery) === 1 ? "file" : "files"),
    figure(grouped(gallery.num_frames), gallery.num_frames === 1 ? "picture searched" : "pictures searched"),
    figure(grouped(gallery.cameras.filter((camera) => camera.camera_id).length), "cameras"),
    ...time,
    figure(bytes(gallery.bytes_on_disk), "on disk"),
  );
}

function span({ first, last }) {
  const hours = (new Date(last) - new Date(first)) / 3_600_000;
  if (hours < 1) return counted(Math.max(1, Math.round(hours * 60)), "minute");
  return hours < 48 ? counted(Math.round(hours), "hour") : counted(Math.round(hours / 24), "day");
}

function cameras(gallery) {
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
              h("div", { class: "labelled" }, h("span", { class: "wrap" }, camera.camera_id ? cameraWords(camera.camera_id) : "no named camera"), h("span", { class: "faint" }, grouped(camera.num_people))),
              h("div", { class: "meter", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * camera.num_people) / most}%` } })),
              camera.first ? h("p", { class: "small faint" }, `${moment(new Date(camera.first))} to ${moment(new Date(camera.last))}`) : null,
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
      ...row("False-match rates", gallery.calibration.summary || (gallery.calibration.available ? "known" : "not known yet")),
    ),
  );
}

function createdWords(created) {
  const date = new Date(created);
  return Number.isNaN(date.getTime()) ? created : moment(date);
}

function files(view) {
  const asked = { page: 1, text: "", status: "" };
  const body = h("div", {}, loading("Reading the list…"));
  const count = h("span", { class: "faint note" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of the list" });
  const search = h("input", { type: "search", placeholder: "Name or folder", "aria-label": "Search files by name", id: freshId("files") });
  const status = h("select", { "aria-label": "Status" }, ...[["", "All"], ["damaged", "With problems"], ["indexing", "Unfinished"], ["complete", "Complete"]].map(([value, words]) => h("option", { value }, words)));
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { asked.text = search.value.trim(); asked.page = 1; list(); }, 300);
  });
  status.addEventListener("change", () => { asked.status = status.value; asked.page = 1; list(); });

  async function list() {
    const parameters = { page: asked.page, per_page: PER_PAGE };
    if (asked.text) parameters.text = asked.text;
    if (asked.status) parameters.status = asked.status;
    try {
      const page = await api.media(parameters);
      count.textContent = grouped(page.total);
      if (!page.media.length) put(body, empty("file", "No files", asked.text || asked.status ? "None matches. Change the name or the status." : "Nothing was indexed yet."));
      else put(body, table(page.media, () => show(view)));
      const pages = Math.max(1, Math.ceil(page.total / page.per_page));
      put(
        pager,
        ...(pages > 1
          ? [
              button("", { sign: "left", kind: "small", label: "Page before", disabled: page.page <= 1, onclick: () => { asked.page -= 1; list(); } }),
              h("span", { class: "note soft" }, `${page.page} of ${pages}`),
              button("", { sign: "right", kind: "small", label: "Next page", disabled: page.page >= pages, onclick: () => { asked.page += 1; list(); } }),
            ]
          : []),
      );
    } catch (problem) {
      put(body, failed("The list could not be read", problem, list));
    }
  }

  list();
  return h(
    "section",
    { class: "panel", "aria-labelledby": "files-title" },
    h("header", {}, h("h2", { id: "files-title" }, "Files ", count), h("div", { class: "tight" }, search, status)),
    body,
    pager,
  );
}

const STATUS = { complete: ["check", "complete", ""], indexing: ["clock", "unfinished", "warn"], damaged: ["warn", "problem", "wrong"] };

function table(media, changed) {
  return h(
    "ul",
    { class: "media" },
    ...media.map((medium) => {
      const [sign, words, kind] = STATUS[medium.status] ?? ["info", medium.status, ""];
      const open = () => openFrame(medium.media_key, 0);
      const preview = h("img", { src: pictures.frame(medium.media_key, 0, 200), alt: "", loading: "lazy", decoding: "async" });
      preview.addEventListener("error", () => preview.replaceWith(icon("file")), { once: true });
      return h(
        "li",
        { class: "medium" },
        h("button", { type: "button", class: "preview-small", disabled: !medium.num_people, "aria-label": `Look through ${medium.name} and pick a person`, title: "Look through it and pick a person", onclick: open }, medium.num_people ? preview : icon("file")),
        h(
          "div",
          { class: "medium-words" },
          h("p", { class: "wrap" }, h("b", {}, medium.name)),
          h("p", { class: "note faint wrap" }, [medium.camera_id ? cameraWords(medium.camera_id) : null, medium.captured_at ? moment(new Date(medium.captured_at)) : null, medium.source].filter(Boolean).join(" · ")),
          medium.problem ? h("p", { class: "note problem" }, medium.problem) : null,
        ),
        h("p", { class: "note soft medium-count" }, `${counted(medium.num_people, "person view")}`, h("br"), h("span", { class: "faint" }, counted(medium.num_frames, medium.kind === "photo" ? "picture" : "frame"))),
        h("span", { class: `chip ${kind}` }, icon(sign, "small"), words),
        h(
          "span",
          { class: "paired" },
          button("", { sign: "filter", kind: "quiet small", label: `Search only in ${medium.name}`, onclick: () => { ask({ view: "search" }, { remember: true }); restrict({ sources: [medium.source] }); } }),
          may("keeper") ? button("", { sign: "bin", kind: "quiet small", label: `Forget ${medium.name}`, onclick: () => openForget({ medium }, changed) }) : null,
        ),
      );
    }),
  );
}
