/** The files of a gallery: which there are, what is wrong with some, and what can be done with each. */

import { api, pictures } from "./api.js";
import { sayProblem } from "./announce.js";
import { button, h, icon, put } from "./dom.js";
import { openForget } from "./forget.js";
import { openNaming } from "./naming.js";
import { pager } from "./pager.js";
import { empty, failed, loading } from "./placeholders.js";
import { openMedium } from "./scene.js";
import { may, searchOnlyIn, state } from "./state.js";
import { cameraWords, counted, grouped, moment, sourceWords } from "./words.js";

const PER_PAGE = 50;
const MOST_CHOSEN = 1000;
const PREVIEW_SIDE = 200;
const PATIENCE_MS = 300;
const CHOICES = [
  ["", "Any status"],
  ["damaged", "With problems"],
  ["indexing", "Unfinished"],
  ["complete", "Complete"],
];
const ORDERS = [
  ["source", "By folder"],
  ["name", "By name"],
  ["taken", "Oldest first"],
  ["-taken", "Newest first"],
  ["-added", "Added last first"],
  ["-people", "Most people first"],
  ["-pictures", "Longest first"],
  ["camera", "By camera"],
];
const STATUS = {
  complete: ["check", "complete", ""],
  indexing: ["clock", "unfinished", "warn"],
  damaged: ["warn", "problem", "wrong"],
};
const NO_CAMERA = "\0";

/**
 * The list with its search; `changed()` is called when something was forgotten or named. Returns `{panel, ofCamera}`:
 * `ofCamera(name)` shows the files of one camera alone.
 */
export function filesPanel(changed) {
  const body = h("div", {}, loading("Reading the list…"));
  const count = h("span", { class: "faint note" });
  const bulk = h("div", { class: "inside bulk", hidden: true });
  const pages = pager("Pages of the list", list);
  const text = h("input", { type: "search", placeholder: "Name or folder", "aria-label": "Search files by name" });
  const status = choice("Status", CHOICES);
  const order = choice("Order", ORDERS);
  const cameras = (state.gallery?.cameras ?? []).map(({ camera_id }) => [
    camera_id || NO_CAMERA,
    camera_id ? cameraWords(camera_id) : "No named camera",
  ]);
  const camera = choice("Camera", [["", "Any camera"], ...cameras]);
  const chosen = new Set();
  let total = 0;
  let waiting;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => list(1), PATIENCE_MS);
  });

  function choice(label, choices) {
    const options = choices.map(([value, words]) => h("option", { value }, words));
    return h("select", { "aria-label": label, onchange: () => list(1) }, ...options);
  }

  function asked(page, per_page) {
    const question = { page, per_page };
    if (text.value.trim()) question.text = text.value.trim();
    if (status.value) question.status = status.value;
    if (camera.value) question.camera = camera.value === NO_CAMERA ? "" : camera.value;
    question.order = order.value.replace("-", "");
    question.descending = order.value.startsWith("-");
    return question;
  }

  async function list(page) {
    try {
      const answer = await api.media(asked(page, PER_PAGE));
      total = answer.total;
      count.textContent = grouped(total);
      pages.show(answer);
      const narrowed = text.value.trim() || status.value || camera.value;
      const none = narrowed ? "None matches. Change what is asked for above." : "Nothing was indexed yet.";
      const rows = answer.media.map((medium) => row(medium, { chosen, choose, changed }));
      put(body, rows.length ? h("ul", { class: "media" }, ...rows) : empty("file", "No files", none));
      showBulk();
    } catch (problem) {
      put(
        body,
        failed("The list could not be read", problem, () => list(page)),
      );
    }
  }

  function choose(key, on) {
    if (on) chosen.add(key);
    else chosen.delete(key);
    showBulk();
  }

  function chooseNone() {
    chosen.clear();
    for (const box of body.querySelectorAll("input[type=checkbox]")) box.checked = false;
    showBulk();
  }

  async function chooseAll() {
    try {
      const { media } = await api.media(asked(1, MOST_CHOSEN));
      for (const medium of media) chosen.add(medium.media_key);
      for (const box of body.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
      showBulk();
    } catch (problem) {
      sayProblem(problem);
    }
  }

  function showBulk() {
    bulk.hidden = !chosen.size;
    const all = Math.min(total, MOST_CHOSEN);
    put(
      bulk,
      h("span", { role: "status" }, `${counted(chosen.size, "file")} chosen`),
      button("Name the camera…", { sign: "camera", kind: "small", onclick: () => openNaming({ keys: [...chosen] }, changed) }),
      chosen.size < all ? button(`Choose all ${grouped(all)}`, { kind: "quiet small", onclick: chooseAll }) : null,
      button("Choose none", { kind: "quiet small", onclick: chooseNone }),
    );
  }

  list(1);
  const panel = h(
    "section",
    { class: "panel", "aria-labelledby": "files-title" },
    h("header", {}, h("h2", { id: "files-title" }, "Files ", count), h("div", { class: "tight" }, text, camera, status, order)),
    bulk,
    body,
    pages.place,
  );
  const ofCamera = (name) => {
    camera.value = name || NO_CAMERA;
    list(1);
    panel.scrollIntoView({ block: "nearest" });
  };
  return { panel, ofCamera };
}

function row(medium, { chosen, choose, changed }) {
  const [sign, words, kind] = STATUS[medium.status];
  const about = [
    medium.camera_id && cameraWords(medium.camera_id),
    medium.captured_at && moment(new Date(medium.captured_at)),
    sourceWords(medium.source),
  ];
  const opens = medium.num_frames > 0 && medium.kind !== "stream";
  const open = () => openMedium(medium.media_key);
  const element = h(
    "li",
    { class: `medium${opens ? " opens" : ""}` },
    may("operator") ? selection(medium, chosen, choose) : null,
    preview(medium, opens, open),
    h(
      "div",
      { class: "medium-words" },
      opens
        ? h("button", { type: "button", class: "linkish wrap name", onclick: open }, medium.name)
        : h("b", { class: "wrap" }, medium.name),
      h("p", { class: "note faint wrap" }, about.filter(Boolean).join(" · ")),
      medium.problem ? h("p", { class: "note problem" }, medium.problem) : null,
    ),
    h(
      "p",
      { class: "note soft medium-count" },
      counted(medium.num_people, "detection"),
      h("br"),
      h("span", { class: "faint" }, counted(medium.num_frames, medium.kind === "photo" ? "picture" : "frame")),
    ),
    h("span", { class: `chip ${kind}` }, icon(sign, "small"), words),
    actions(medium, changed),
  );
  // The whole row is a place to press; its button is what keys and screen readers find.
  if (opens) element.addEventListener("click", (event) => event.target.closest("button, label, input") || open());
  return element;
}

function selection(medium, chosen, choose) {
  const box = h("input", {
    type: "checkbox",
    value: medium.media_key,
    checked: chosen.has(medium.media_key),
    "aria-label": `Choose ${medium.name}`,
    onchange: (event) => choose(medium.media_key, event.target.checked),
  });
  return h("label", { class: "choose" }, box);
}

function preview(medium, opens, open) {
  const image = h("img", {
    src: opens ? pictures.frame(medium.media_key, 0, PREVIEW_SIDE) : null,
    alt: "",
    loading: "lazy",
    decoding: "async",
  });
  image.addEventListener("error", () => image.replaceWith(h("span", { class: "gone small" }, "picture gone")), {
    once: true,
  });
  return h(
    "button",
    {
      type: "button",
      class: "preview-small",
      disabled: !opens,
      "aria-label": `Look through ${medium.name} and pick a person`,
      title: opens ? "Look through it and pick a person" : "No picture of it was kept",
      onclick: open,
    },
    opens ? image : icon("file"),
  );
}

function actions(medium, changed) {
  const action = (sign, label, onclick) => button("", { sign, label, kind: "quiet small", onclick });
  return h(
    "span",
    { class: "paired" },
    action("filter", `Search only in ${medium.name}`, () => searchOnlyIn(medium.source)),
    may("keeper") ? action("bin", `Forget ${medium.name}`, () => openForget({ medium }, changed)) : null,
  );
}
