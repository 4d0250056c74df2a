/** The files of a gallery: which there are, what is wrong with some, and what can be done with each. */

import { api, pictures } from "./api.js";
import { button, h, icon, put } from "./dom.js";
import { openForget } from "./forget.js";
import { pager } from "./pager.js";
import { empty, failed, loading } from "./placeholders.js";
import { openFrame } from "./scene.js";
import { ask, may, restrict } from "./state.js";
import { cameraWords, counted, grouped, moment } from "./words.js";

const PER_PAGE = 50;
const PREVIEW_SIDE = 200;
const PATIENCE_MS = 300;
const CHOICES = [
  ["", "All"],
  ["damaged", "With problems"],
  ["indexing", "Unfinished"],
  ["complete", "Complete"],
];
const STATUS = {
  complete: ["check", "complete", ""],
  indexing: ["clock", "unfinished", "warn"],
  damaged: ["warn", "problem", "wrong"],
};

/** The list with its search; `changed()` is called when something was forgotten. */
export function filesPanel(changed) {
  const body = h("div", {}, loading("Reading the list…"));
  const count = h("span", { class: "faint note" });
  const pages = pager("Pages of the list", list);
  const text = h("input", { type: "search", placeholder: "Name or folder", "aria-label": "Search files by name" });
  const options = CHOICES.map(([value, words]) => h("option", { value }, words));
  const status = h("select", { "aria-label": "Status", onchange: () => list(1) }, ...options);
  let waiting;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => list(1), PATIENCE_MS);
  });

  async function list(page) {
    const asked = { page, per_page: PER_PAGE };
    if (text.value.trim()) asked.text = text.value.trim();
    if (status.value) asked.status = status.value;
    try {
      const answer = await api.media(asked);
      count.textContent = grouped(answer.total);
      pages.show(answer);
      const none =
        asked.text || asked.status ? "None matches. Change the name or the status." : "Nothing was indexed yet.";
      const rows = answer.media.map((medium) => row(medium, changed));
      put(body, rows.length ? h("ul", { class: "media" }, ...rows) : empty("file", "No files", none));
    } catch (problem) {
      put(
        body,
        failed("The list could not be read", problem, () => list(page)),
      );
    }
  }

  list(1);
  return h(
    "section",
    { class: "panel", "aria-labelledby": "files-title" },
    h("header", {}, h("h2", { id: "files-title" }, "Files ", count), h("div", { class: "tight" }, text, status)),
    body,
    pages.place,
  );
}

function row(medium, changed) {
  const [sign, words, kind] = STATUS[medium.status];
  const about = [
    medium.camera_id && cameraWords(medium.camera_id),
    medium.captured_at && moment(new Date(medium.captured_at)),
    medium.source,
  ];
  return h(
    "li",
    { class: "medium" },
    preview(medium),
    h(
      "div",
      { class: "medium-words" },
      h("p", { class: "wrap" }, h("b", {}, medium.name)),
      h("p", { class: "note faint wrap" }, about.filter(Boolean).join(" · ")),
      medium.problem ? h("p", { class: "note problem" }, medium.problem) : null,
    ),
    h(
      "p",
      { class: "note soft medium-count" },
      counted(medium.num_people, "person view"),
      h("br"),
      h("span", { class: "faint" }, counted(medium.num_frames, medium.kind === "photo" ? "picture" : "frame")),
    ),
    h("span", { class: `chip ${kind}` }, icon(sign, "small"), words),
    actions(medium, changed),
  );
}

function preview(medium) {
  const seen = medium.num_people > 0;
  const image = h("img", {
    src: seen ? pictures.frame(medium.media_key, 0, PREVIEW_SIDE) : null,
    alt: "",
    loading: "lazy",
    decoding: "async",
  });
  image.addEventListener("error", () => image.replaceWith(icon("file")), { once: true });
  return h(
    "button",
    {
      type: "button",
      class: "preview-small",
      disabled: !seen,
      "aria-label": `Look through ${medium.name} and pick a person`,
      title: "Look through it and pick a person",
      onclick: () => openFrame(medium.media_key, 0),
    },
    seen ? image : icon("file"),
  );
}

function actions(medium, changed) {
  const only = () => {
    ask({ view: "search" }, { remember: true });
    restrict({ sources: [medium.source] });
  };
  const action = (sign, label, onclick) => button("", { sign, label, kind: "quiet small", onclick });
  return h(
    "span",
    { class: "paired" },
    action("filter", `Search only in ${medium.name}`, only),
    may("keeper") ? action("bin", `Forget ${medium.name}`, () => openForget({ medium }, changed)) : null,
  );
}
