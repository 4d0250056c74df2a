/** Indexing jobs, followed live by server-sent events, and the way to stop them. */

import { api, pictures } from "./api.js";
import { announce, sayProblem } from "./announce.js";
import { button, h, icon, put } from "./dom.js";
import { empty, failed, loading } from "./placeholders.js";
import { ask, refreshGallery } from "./state.js";
import { counted, grouped, moment, remaining } from "./words.js";

const ENDED = new Set(["done", "stopped", "failed"]);
const STATES = {
  waiting: { words: "Waiting", sign: "clock", kind: "accent" },
  running: { words: "Running", sign: "again", kind: "accent" },
  stopping: { words: "Stopping", sign: "stop", kind: "accent" },
  done: { words: "Done", sign: "check", kind: "right" },
  stopped: { words: "Stopped", sign: "stop", kind: "warn" },
  failed: { words: "Failed", sign: "warn", kind: "wrong" },
};

/** All jobs, newest first. `follow(jobId)` adds one; `left()` ends the live connections. */
export function jobList() {
  const sources = new Set();
  const list = h("div", { class: "stack" }, loading("Looking for jobs…"));

  function follow(jobId) {
    const place = h("article", { class: "panel job" });
    list.querySelector(".empty")?.remove();
    list.prepend(place);
    live(jobId, place);
  }

  function live(jobId, place) {
    const source = new EventSource(pictures.events(jobId));
    sources.add(source);
    const end = () => {
      source.close();
      sources.delete(source);
    };
    source.addEventListener("progress", (event) => {
      const job = JSON.parse(event.data);
      showJob(place, job);
      if (!ENDED.has(job.state)) return;
      end();
      announce(`Indexing ${STATES[job.state].words.toLowerCase()}: ${counted(job.people, "detection")}.`);
      refreshGallery().catch(sayProblem);
    });
    source.addEventListener("error", () => {
      // The browser connects again by itself, unless the server has said for good that there is nothing.
      if (source.readyState !== EventSource.CLOSED) return;
      end();
      const problem = { message: "The connection was closed. The job itself goes on." };
      put(
        place,
        failed("The progress of this job cannot be followed", problem, () => live(jobId, place)),
      );
    });
  }

  async function showAll() {
    try {
      const { jobs } = await api.jobs();
      const none = "Choose files or name a folder; progress is shown here.";
      if (jobs.length) put(list, ...jobs.map(shown));
      else put(list, empty("index", "Nothing was added through this page yet", none));
    } catch (problem) {
      put(list, failed("The jobs could not be read", problem, showAll));
    }
  }

  function shown(job) {
    const place = h("article", { class: "panel job" });
    showJob(place, job);
    if (!ENDED.has(job.state)) live(job.job_id, place);
    return place;
  }

  showAll();
  return { list, follow, left: () => sources.forEach((source) => source.close()) };
}

function showJob(place, job) {
  const ended = ENDED.has(job.state);
  const { words, sign, kind } = STATES[job.state];
  const hadFocus = place.contains(document.activeElement);
  put(
    place,
    h(
      "header",
      {},
      h("h3", { class: "wrap" }, job.what),
      h("span", { class: `chip ${kind}` }, icon(sign, "small"), words),
      ended ? null : stopButton(job),
    ),
    h(
      "div",
      { class: "inside stack" },
      ended ? null : bar(job),
      h("p", { class: "note soft" }, figures(job, ended)),
      !ended && job.note && job.total !== null ? h("p", { class: "note faint wrap" }, job.note) : null,
      job.error ? trouble(job.error) : null,
      job.num_problems ? told(`${counted(job.num_problems, "file")} could not be used`, job.problems) : null,
      job.num_notes ? told(counted(job.num_notes, "note"), job.notes) : null,
      job.state === "done" && job.people ? searchNow() : null,
    ),
  );
  if (hadFocus) place.querySelector("button")?.focus({ preventScroll: true });
}

function bar(job) {
  const progress = h("progress", { max: job.total || 1, "aria-label": `Finished ${job.unit}` });
  // Without a value the bar says that something goes on, which is all that is known before files are counted.
  if (job.total !== null) progress.value = job.done;
  return progress;
}

function figures(job, ended) {
  if (job.state === "waiting") return "It begins when the jobs before it are done.";
  const counts = job.total !== null && !ended;
  if (!ended && !counts) return job.note || "Looking for files…";
  return [
    counts && `${grouped(job.done)} of ${grouped(job.total)} ${job.unit}`,
    !(counts && job.unit === "pictures") && counted(job.frames, "picture"),
    job.people && counted(job.people, "detection"),
    job.frames_per_second && `${job.frames_per_second.toFixed(1)} a second`,
    !ended && job.seconds_left !== null && `${remaining(job.seconds_left)} left`,
    job.already && `${counted(job.already, "file")} known already`,
    job.ended_at && moment(new Date(job.ended_at)),
  ]
    .filter(Boolean)
    .join(" · ");
}

function stopButton(job) {
  const stopping = job.state === "stopping";
  const stop = () => api.stop(job.job_id).catch(sayProblem);
  return button(stopping ? "Stopping…" : "Stop", { sign: "stop", kind: "small", disabled: stopping, onclick: stop });
}

function trouble(words) {
  return h("div", { class: "notice bad" }, icon("warn"), h("strong", {}, "It failed"), h("p", {}, words));
}

function told(summary, entries) {
  const item = ({ source, reason }) =>
    h("li", { class: "wrap" }, h("b", {}, source), " ", h("span", { class: "soft" }, reason));
  return h(
    "details",
    { class: "more" },
    h("summary", {}, summary),
    h("ul", { class: "problems note" }, ...entries.map(item)),
  );
}

function searchNow() {
  const search = () => ask({ view: "search" }, { remember: true });
  return h("div", { class: "actions" }, button("Search", { sign: "search", kind: "small", onclick: search }));
}
