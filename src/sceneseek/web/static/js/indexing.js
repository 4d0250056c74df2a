/** Adding media: what, how it goes, and how to stop it. Progress arrives as server-sent events. */

import { api, pictures } from "./api.js";
import { announce, sayProblem, toast } from "./announce.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { empty, failed, loading } from "./placeholders.js";
import { ask, refreshGallery, state } from "./state.js";
import { counted, grouped, moment, remaining } from "./words.js";

const ENDED = new Set(["done", "stopped", "failed"]);
const STATE_WORDS = { waiting: "Waiting", running: "Running", stopping: "Stopping", done: "Done", stopped: "Stopped", failed: "Failed" };
const STATE_SIGNS = { waiting: "clock", running: "again", stopping: "stop", done: "check", stopped: "stop", failed: "warn" };

/** The view; `left()` ends the live connections when another view takes its place. */
export function indexingView() {
  const sources = new Map();
  const list = h("div", { class: "stack" }, loading("Looking for jobs…"));
  const follow = (jobId) => {
    const place = h("article", { class: "panel job" });
    list.querySelector(".empty")?.remove();
    list.prepend(place);
    live(jobId, place);
  };

  function live(jobId, place, job) {
    if (job) showJob(place, job);
    if (job && ENDED.has(job.state)) return;
    const source = new EventSource(pictures.events(jobId));
    sources.set(jobId, source);
    const take = (event) => {
      const now = JSON.parse(event.data);
      showJob(place, now);
      if (!ENDED.has(now.state)) return;
      source.close();
      sources.delete(jobId);
      announce(`Indexing ${STATE_WORDS[now.state].toLowerCase()}: ${counted(now.people, "person", "people")} found.`);
      refreshGallery().catch(() => {});
    };
    for (const name of ["message", "job", "progress", "end"]) source.addEventListener(name, take);
    source.addEventListener("error", () => {
      // The browser connects again by itself, unless the server has said for good that there is nothing.
      if (source.readyState !== EventSource.CLOSED) return;
      sources.delete(jobId);
      put(place, failed("The progress of this job cannot be followed", { message: "The connection was closed. The job itself goes on." }, () => live(jobId, place)));
    });
  }

  async function showAll() {
    try {
      const { jobs } = await api.jobs();
      if (!jobs.length) put(list, empty("index", "Nothing was added through this page yet", "Choose files or name a folder; progress is shown here."));
      else put(list, ...jobs.map((job) => { const place = h("article", { class: "panel job" }); live(job.job_id, place, job); return place; }));
    } catch (problem) {
      put(list, failed("The jobs could not be read", problem, showAll));
    }
  }

  showAll();
  const view = h(
    "div",
    { class: "page" },
    h("header", { class: "headline" }, h("h1", { tabindex: "-1" }, "Add media"), h("p", { class: "soft" }, "Photographs and video are searched for people once; after that, finding one takes moments.")),
    h("div", { class: "columns even" }, uploadPanel(follow), folderPanel(follow)),
    h("section", { "aria-labelledby": "jobs-title" }, h("h2", { id: "jobs-title", class: "section-title" }, "Jobs"), list),
  );
  return { view, left: () => { for (const source of sources.values()) source.close(); } };
}

function showJob(place, job) {
  const ended = ENDED.has(job.state);
  const total = job.total;
  const bar = h("progress", { max: total || 1, "aria-label": `Finished ${job.unit}` });
  if (total !== null) bar.value = job.done;
  const facts = [
    total === null || ended ? null : `${grouped(job.done)} of ${grouped(total)} ${job.unit}`,
    job.unit === "pictures" && !ended ? null : counted(job.frames, "picture"),
    job.people ? counted(job.people, "person view") : null,
    job.frames_per_second ? `${job.frames_per_second.toFixed(1)} a second` : null,
    !ended && job.seconds_left !== null ? `${remaining(job.seconds_left)} left` : null,
    job.already ? `${counted(job.already, "file")} known already` : null,
    ended ? moment(new Date(job.ended_at ?? job.created_at)) : null,
  ].filter(Boolean);
  const hadFocus = place.contains(document.activeElement);
  const stop = ended
    ? null
    : button(job.state === "stopping" ? "Stopping…" : "Stop", { sign: "stop", kind: "small", disabled: job.state === "stopping", onclick: () => api.stop(job.job_id).catch(sayProblem) });
  put(
    place,
    h("header", {}, h("h3", { class: "wrap" }, job.what), h("span", { class: `chip ${{ failed: "wrong", stopped: "warn", done: "right" }[job.state] ?? "accent"}` }, icon(STATE_SIGNS[job.state], "small"), STATE_WORDS[job.state]), stop),
    h(
      "div",
      { class: "inside stack" },
      ended ? null : bar,
      h("p", { class: "note soft" }, facts.join(" · ")),
      !ended && job.note ? h("p", { class: "note faint wrap" }, job.note) : null,
      job.error ? h("div", { class: "notice bad" }, icon("warn"), h("strong", {}, "It failed"), h("p", {}, job.error)) : null,
      job.num_problems
        ? h("details", { class: "more" }, h("summary", {}, `${counted(job.num_problems, "file")} could not be used`), h("ul", { class: "problems note" }, ...job.problems.map((problem) => h("li", { class: "wrap" }, h("b", {}, problem.source), " ", h("span", { class: "soft" }, problem.reason)))))
        : null,
      job.state === "done" && job.people ? h("div", { class: "actions" }, button("Search", { sign: "search", kind: "small", onclick: () => ask({ view: "search" }, { remember: true }) })) : null,
    ),
  );
  if (hadFocus) place.querySelector("button")?.focus({ preventScroll: true });
}

function uploadPanel(follow) {
  const picker = h("input", { type: "file", multiple: true, accept: "image/*,video/*,.zip,.tar", "aria-label": "Photographs and video", class: "unseen", id: freshId("upload"), tabindex: "-1" });
  const said = h("div", { role: "status" });
  const choose = button("Choose files", { sign: "upload", kind: "primary", onclick: () => picker.click() });
  const zone = h("div", { class: "dropzone small", data: { drop: "media" } }, icon("upload", "large"), h("p", {}, h("strong", {}, "Drop photographs or video here")), h("div", { class: "actions" }, choose), picker);
  picker.addEventListener("change", () => send([...picker.files]));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    send([...event.dataTransfer.files]);
  });

  async function send(files) {
    if (!files.length) return;
    choose.disabled = true;
    put(said, h("p", { class: "note soft" }, h("span", { class: "spinner inline" }), ` Sending ${counted(files.length, "file")}…`));
    try {
      const answer = await api.upload(files);
      const refused = answer.files.filter((file) => file.problem);
      put(said, refused.length ? h("div", { class: "notice warn" }, icon("warn"), h("strong", {}, `${counted(refused.length, "file was", "files were")} refused`), h("ul", { class: "note problems" }, ...refused.map((file) => h("li", { class: "wrap" }, h("b", {}, file.name), ` ${file.problem}`)))) : h("p", { class: "note soft" }, `${counted(files.length, "file was", "files were")} taken in.`));
      if (answer.job_id) follow(answer.job_id);
    } catch (problem) {
      put(said, failed("The files were not taken in", problem));
    }
    choose.disabled = false;
    picker.value = "";
  }

  return h("section", { class: "panel", "aria-labelledby": "upload-title" }, h("header", {}, h("h2", { id: "upload-title" }, "From this computer")), h("div", { class: "inside stack" }, zone, said));
}

function folderPanel(follow) {
  const roots = state.gallery?.media_roots ?? [];
  const heading = h("header", {}, h("h2", { id: "folder-title" }, "From the server's disk"));
  if (!roots.length) {
    return h("section", { class: "panel", "aria-labelledby": "folder-title" }, heading, h("div", { class: "inside" }, h("p", { class: "soft" }, "The server was started without a media root, so nothing on its disk can be indexed from here. Start it with --media-root FOLDER.")));
  }
  const [paths, camera, every] = [freshId("paths"), freshId("camera"), freshId("every")];
  const form = h(
    "form",
    { class: "inside stack" },
    h("div", { class: "field" }, h("label", { for: paths }, "Files and folders"), h("textarea", { id: paths, name: "paths", rows: "3", required: true, spellcheck: "false", value: roots[0] }), h("p", { class: "hint" }, `One on each line, below: ${roots.join(", ")}`)),
    h(
      "div",
      { class: "pair" },
      h("div", { class: "field" }, h("label", { for: camera }, "Camera"), h("input", { id: camera, name: "camera", type: "text", placeholder: "optional", maxlength: "200" })),
      h("div", { class: "field" }, h("label", { for: every }, "Seconds between video frames"), h("input", { id: every, name: "every_s", type: "number", min: "0", step: "any", placeholder: "as set" })),
    ),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, icon("index"), "Start")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const request = { paths: data.get("paths").split("\n").map((line) => line.trim()).filter(Boolean) };
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
