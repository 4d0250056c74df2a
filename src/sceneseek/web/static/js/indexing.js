/** Adding media: from this computer, or from the server's disk. */

import { api } from "./api.js";
import { clearProblems, sayProblem } from "./announce.js";
import { momentField } from "./date-field.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { jobList } from "./jobs.js";
import { failed } from "./placeholders.js";
import { state } from "./state.js";
import { chosenFile, droppedFiles, inParts, withoutHidden } from "./uploading.js";
import { bytes, counted } from "./words.js";

const FORM_BYTES = 1024;
/* What a form adds to each file at most. */

/** The view; `left()` ends the live connections when another view takes its place. */
export function indexingView() {
  const { list, follow, left } = jobList();
  const view = h(
    "div",
    { class: "page" },
    h(
      "header",
      { class: "headline" },
      h("h1", { tabindex: "-1" }, "Add media"),
      h(
        "p",
        { class: "soft" },
        "Photographs and video are searched for people once; after that, finding one takes moments.",
      ),
    ),
    h("div", { class: "columns even" }, uploadPanel(follow), folderPanel(follow)),
    h(
      "section",
      { "aria-labelledby": "jobs-title" },
      h("h2", { id: "jobs-title", class: "section-title" }, "Jobs"),
      list,
    ),
  );
  return { view, left };
}

function uploadPanel(follow) {
  const chooser = (attributes, label) =>
    h("input", { type: "file", multiple: true, "aria-label": label, class: "unseen", tabindex: "-1", ...attributes });
  const files = chooser({ accept: "image/*,video/*,.zip,.tar,.tgz,.gz,.bz2,.xz,.mkv,.ts,.dav,.heic" }, "Files");
  const folder = chooser({ webkitdirectory: true }, "A folder");
  const said = h("div", { role: "status" });
  const choose = button("Choose files", { sign: "upload", kind: "primary", onclick: () => files.click() });
  const chooseFolder = button("Choose a folder", { sign: "folder", onclick: () => folder.click() });
  const facts = mediaFacts();
  const zone = h(
    "div",
    { class: "dropzone small", data: { drop: "media" } },
    icon("upload", "large"),
    h(
      "p",
      {},
      h("strong", {}, "Drop photographs, video, folders or archives here"),
      h("span", { class: "soft" }, " (zip, tar)"),
    ),
    h("div", { class: "actions" }, choose, chooseFolder),
    files,
    folder,
  );
  for (const input of [files, folder])
    input.addEventListener("change", () => {
      const given = [...input.files].map(chosenFile);
      input.value = "";
      send(given);
    });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    send(await droppedFiles(event.dataTransfer));
  });

  async function send(given) {
    const wanted = withoutHidden(given);
    const known = facts.read();
    const leftOut = given.length - wanted.length;
    if (!known) return;
    if (!wanted.length) {
      put(said, taken([], leftOut), h("p", { class: "note soft" }, "There is no file to send."));
      return;
    }
    const { upload_files, upload_bytes } = state.gallery;
    const parts = inParts(wanted, upload_files, upload_bytes - wanted.length * FORM_BYTES);
    const whole = wanted.reduce((sum, { file }) => sum + file.size, 0);
    const bar = h("progress", { max: Math.max(1, whole), value: 0, "aria-label": "Bytes sent" });
    const words = h("p", { class: "note soft" });
    const told = [];
    let before = 0;
    const progress = (now) => {
      bar.value = Math.min(whole, before + now);
      const sending = `Sending ${counted(wanted.length, "file")}: ${bytes(bar.value)} of ${bytes(whole)}`;
      words.textContent = bar.value < whole ? sending : `Sent ${bytes(whole)}; the server looks at the files…`;
    };
    choose.disabled = chooseFolder.disabled = true;
    progress(0);
    put(said, bar, words);
    try {
      for (const part of parts) {
        const answer = await api.upload(part, known, progress);
        before += part.reduce((sum, { file }) => sum + file.size, 0);
        told.push(...answer.files);
        if (answer.job_id) follow(answer.job_id);
      }
      clearProblems();
      put(said, taken(told, leftOut));
    } catch (problem) {
      const kept = told.some((file) => !file.problem);
      put(said, kept ? taken(told, leftOut) : null, failed(kept ? "The rest was not taken in" : "The files were not taken in", problem));
    }
    choose.disabled = chooseFolder.disabled = false;
  }

  return h(
    "section",
    { class: "panel", "aria-labelledby": "upload-title" },
    h("header", {}, h("h2", { id: "upload-title" }, "From this computer")),
    h("div", { class: "inside stack" }, zone, said, facts.element),
  );
}

/** What became of uploaded files, and how many were never sent. */
function taken(files, leftOut) {
  const refused = files.filter((file) => file.problem);
  const number = files.length - refused.length;
  const own = counted(leftOut, "file that folders keep for themselves was", "files that folders keep for themselves were");
  const words = [
    number ? h("p", { class: "note soft" }, `${counted(number, "file was", "files were")} taken in.`) : null,
    leftOut ? h("p", { class: "note soft" }, `${own} left out (hidden files, Thumbs.db, desktop.ini).`) : null,
  ];
  if (!refused.length) return words;
  return [
    ...words,
    h(
      "div",
      { class: "notice warn" },
      icon("warn"),
      h("strong", {}, `${counted(refused.length, "file was", "files were")} refused`),
      h(
        "ul",
        { class: "note problems" },
        ...refused.map((file) => h("li", { class: "wrap" }, h("b", {}, file.name), ` ${file.problem}`)),
      ),
    ),
  ];
}

/**
 * What is known of media that they do not say themselves. Returns `{element, read}`; `read()` gives what was filled in,
 * null while something cannot be read.
 */
function mediaFacts() {
  const [camera, cameras, from, every] = ["camera", "cameras", "from", "every"].map(freshId);
  const known = (state.gallery?.cameras ?? []).map((one) => one.camera_id).filter(Boolean);
  const taken = momentField("Taken at, where not known");
  const field = (id, words, attributes, hint) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: id }, words),
      h("input", { id, autocomplete: "off", spellcheck: "false", ...attributes }),
      hint ? h("p", { class: "hint" }, hint) : null,
    );
  const element = h(
    "details",
    { class: "more" },
    h("summary", {}, "Camera, date and sampling"),
    h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "pair" },
        field(camera, "Camera", { type: "text", name: "camera", list: cameras, placeholder: "optional", maxlength: "200" }),
        field(every, "Seconds between video frames", {
          type: "number",
          name: "every_s",
          min: "0",
          step: "any",
          placeholder: String(state.gallery?.every_s ?? 1),
        }),
      ),
      h("datalist", { id: cameras }, ...known.map((name) => h("option", { value: name }))),
      field(
        from,
        "Where the paths name the camera",
        { type: "text", name: "camera_from", placeholder: "{camera}/*", maxlength: "200" },
        "{camera}/* takes the folder that a file lies in. Where it does not fit, the camera above counts.",
      ),
      taken.element,
    ),
  );

  function read() {
    if (taken.value === null) {
      element.open = true;
      taken.element.querySelector("input").focus();
      return null;
    }
    const facts = {};
    for (const input of element.querySelectorAll("input[name]")) {
      if (input.value.trim()) facts[input.name] = input.value.trim();
    }
    if (taken.value) facts.taken_at = new Date(taken.value).toISOString();
    return facts;
  }

  return { element, read };
}

function folderPanel(follow) {
  const roots = state.gallery?.media_roots ?? [];
  const heading = h("header", {}, h("h2", { id: "folder-title" }, "From the server's disk"));
  if (!roots.length) {
    return h(
      "section",
      { class: "panel", "aria-labelledby": "folder-title" },
      heading,
      h(
        "div",
        { class: "inside" },
        h(
          "p",
          { class: "soft" },
          "The server was started without a media root, so nothing on its disk can be indexed from here. ",
          "Start it with --media-root FOLDER.",
        ),
      ),
    );
  }
  const paths = freshId("paths");
  const facts = mediaFacts();
  const form = h(
    "form",
    { class: "inside stack" },
    h(
      "div",
      { class: "field" },
      h("label", { for: paths }, "Files and folders"),
      h("textarea", { id: paths, name: "paths", rows: "3", required: true, spellcheck: "false", value: roots[0] }),
      h("p", { class: "hint" }, `One on each line, below: ${roots.join(", ")}`),
    ),
    facts.element,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, icon("index"), "Start")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const known = facts.read();
    if (!known) return;
    if (known.every_s) known.every_s = Number(known.every_s);
    const lines = new FormData(form).get("paths").split("\n");
    const named = lines.map((line) => line.trim()).filter(Boolean);
    try {
      const { job_id } = await api.startIndexing({ paths: named, ...known });
      clearProblems();
      follow(job_id);
    } catch (problem) {
      sayProblem(problem);
    }
  });
  return h("section", { class: "panel", "aria-labelledby": "folder-title" }, heading, form);
}
