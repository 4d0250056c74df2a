/** Adding media: from this computer, or from the server's disk. */

import { api } from "./api.js";
import { sayProblem, toast } from "./announce.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { jobList } from "./jobs.js";
import { failed } from "./placeholders.js";
import { state } from "./state.js";
import { counted } from "./words.js";

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
  const picker = h("input", {
    type: "file",
    multiple: true,
    accept: "image/*,video/*,.zip,.tar",
    "aria-label": "Photographs and video",
    class: "unseen",
    id: freshId("upload"),
    tabindex: "-1",
  });
  const said = h("div", { role: "status" });
  const choose = button("Choose files", { sign: "upload", kind: "primary", onclick: () => picker.click() });
  const zone = h(
    "div",
    { class: "dropzone small", data: { drop: "media" } },
    icon("upload", "large"),
    h("p", {}, h("strong", {}, "Drop photographs or video here")),
    h("div", { class: "actions" }, choose),
    picker,
  );
  picker.addEventListener("change", () => send([...picker.files]));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    send([...event.dataTransfer.files]);
  });

  async function send(files) {
    if (!files.length) return;
    choose.disabled = true;
    put(
      said,
      h(
        "p",
        { class: "note soft" },
        h("span", { class: "spinner inline" }),
        ` Sending ${counted(files.length, "file")}…`,
      ),
    );
    try {
      const answer = await api.upload(files);
      const refused = answer.files.filter((file) => file.problem);
      put(
        said,
        refused.length
          ? h(
              "div",
              { class: "notice warn" },
              icon("warn"),
              h("strong", {}, `${counted(refused.length, "file was", "files were")} refused`),
              h(
                "ul",
                { class: "note problems" },
                ...refused.map((file) => h("li", { class: "wrap" }, h("b", {}, file.name), ` ${file.problem}`)),
              ),
            )
          : h("p", { class: "note soft" }, `${counted(files.length, "file was", "files were")} taken in.`),
      );
      if (answer.job_id) follow(answer.job_id);
    } catch (problem) {
      put(said, failed("The files were not taken in", problem));
    }
    choose.disabled = false;
    picker.value = "";
  }

  return h(
    "section",
    { class: "panel", "aria-labelledby": "upload-title" },
    h("header", {}, h("h2", { id: "upload-title" }, "From this computer")),
    h("div", { class: "inside stack" }, zone, said),
  );
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
  const [paths, camera, every] = [freshId("paths"), freshId("camera"), freshId("every")];
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
    h(
      "div",
      { class: "pair" },
      h(
        "div",
        { class: "field" },
        h("label", { for: camera }, "Camera"),
        h("input", { id: camera, name: "camera", type: "text", placeholder: "optional", maxlength: "200" }),
      ),
      h(
        "div",
        { class: "field" },
        h("label", { for: every }, "Seconds between video frames"),
        h("input", { id: every, name: "every_s", type: "number", min: "0", step: "any", placeholder: "as set" }),
      ),
    ),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, icon("index"), "Start")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const request = {
      paths: data
        .get("paths")
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
    };
    if (data.get("camera")) request.camera = data.get("camera");
    if (data.get("every_s")) request.every_s = Number(data.get("every_s"));
    try {
      const { job_id } = await api.startIndexing(request);
      follow(job_id);
      toast("Indexing was asked for.", "index");
    } catch (problem) {
      sayProblem(problem);
    }
  });
  return h("section", { class: "panel", "aria-labelledby": "folder-title" }, heading, form);
}
