/** A scene large: the match outlined and the rest dimmed, the frames before and after, and the clip. */

import { api, pictures, whyNot } from "./api.js";
import { announce, sayProblem } from "./announce.js";
import { button, h, icon, put } from "./dom.js";
import { openForget } from "./forget.js";
import { flag, markMatch } from "./matches.js";
import { boxButton, outline, overlay, veil } from "./outlines.js";
import { addExample, ask, may, markOf, on, state } from "./state.js";
import { trustStory } from "./trust.js";
import { cameraWords, clock, counted, day, fileName, moment, span, spanWords } from "./words.js";

const SIDE = 1600;
const STRIP_SIDE = 200;
const NEIGHBOURS = 12;
const CLIP_LEAD_S = 2;
const CLIP_MOST_S = 28;

let viewer = null;
let dimmed = true;

/** Show the scene of a person of the gallery; the address remembers it, so Back closes it. */
export function openScene(detectionId) {
  ask({ scene: detectionId }, { remember: !state.asked.scene });
}

/** Show a frame without anybody in mind, to pick somebody from it. */
export function openFrame(mediaKey, index) {
  openScene(`@${mediaKey}:${index}`);
}

/** Open, change and close the viewer as the address says. */
export function startScenes() {
  const follow = () => {
    const wanted = state.asked.scene;
    if (!wanted) viewer?.close();
    else if (!viewer) viewer = new Viewer(wanted);
    else if (viewer.wanted !== wanted) viewer.load(wanted);
  };
  on("asked", follow);
  follow();
}

/** Which match of the answer, if any, a person of the gallery belongs to. */
function matchOf(detectionId) {
  return state.answer.ranking?.matches.find((match) => match.detection_id === detectionId) ?? null;
}

class Viewer {
  constructor(wanted) {
    this.opener = document.activeElement;
    this.picture = h("div", { class: "scene-picture", "aria-live": "off" });
    this.strip = h("ol", { class: "strip", "aria-label": "Frames before and after" });
    this.side = h("div", { class: "scene-side" });
    this.title = h("h2", { id: "scene-title", tabindex: "-1" }, "Scene");
    this.under = h("p", { class: "note soft wrap" });
    this.tools = h("div", { class: "actions" });
    this.dialog = h(
      "dialog",
      { class: "scene", "aria-labelledby": "scene-title" },
      h("header", {}, h("div", { class: "scene-titles" }, this.title, this.under), this.tools, button("", { sign: "cross", label: "Close (Escape)", kind: "quiet", onclick: () => this.leave() })),
      h("div", { class: "scene-body" }, h("div", { class: "scene-main" }, this.picture, this.strip), this.side),
    );
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.leave(); });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.title.focus();
    this.load(wanted);
  }

  leave() {
    ask({ scene: null });
  }

  close() {
    this.dialog.close();
    this.dialog.remove();
    viewer = null;
    // The match that was looked at last is the place to go on from.
    const card = document.querySelector(`[data-detection="${CSS.escape(this.wanted)}"] .portrait`);
    (card ?? (this.opener?.isConnected ? this.opener : document.getElementById("main"))).focus({ preventScroll: !card });
  }

  /** Load a person's or a frame's surroundings. */
  async load(wanted) {
    this.wanted = wanted;
    this.focus = null;
    this.selected = null;
    this.frames = [];
    this.playing = false;
    put(this.side);
    put(this.strip);
    put(this.picture, h("span", { class: "spinner" }));
    try {
      let mediaKey;
      let index;
      if (wanted.startsWith("@")) {
        const cut = wanted.lastIndexOf(":");
        [mediaKey, index] = [wanted.slice(1, cut), Number(wanted.slice(cut + 1))];
      } else {
        this.focus = matchOf(wanted) ?? (await api.person(wanted));
        [mediaKey, index] = [this.focus.media_key, this.focus.frame_index];
        this.selected = wanted;
      }
      const around = await api.around(mediaKey, index, NEIGHBOURS, NEIGHBOURS);
      if (this.wanted !== wanted) return;
      this.frames = around.frames;
      this.at = Math.max(0, this.frames.findIndex((frame) => frame.frame_index === index));
      this.focusTrack = this.focus?.sighting?.tracklet_id ?? this.focus?.tracklet_id ?? this.frames[this.at]?.people.find((person) => person.detection_id === this.selected)?.tracklet_id ?? null;
      this.show();
    } catch (problem) {
      if (this.wanted !== wanted) return;
      this.say("Scene", "");
      put(this.picture, h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("strong", {}, "This scene cannot be shown"), h("p", {}, problem.words ?? String(problem))));
    }
  }

  get frame() {
    return this.frames[this.at];
  }

  /** The one looked for, in the frame shown: itself, or the same tracklet. */
  get wantedHere() {
    const people = this.frame?.people ?? [];
    return people.find((person) => person.detection_id === this.wanted) ?? people.find((person) => this.focusTrack && person.tracklet_id === this.focusTrack) ?? null;
  }

  say(title, under) {
    this.title.textContent = title;
    this.under.textContent = under;
  }

  show() {
    this.playing = false;
    const frame = this.frame;
    const match = this.wanted.startsWith("@") ? null : matchOf(this.wanted);
    this.say(match ? `Match ${match.rank}` : frame.name || fileName(frame.source), [frame.camera_id && cameraWords(frame.camera_id), frame.captured_at && moment(new Date(frame.captured_at)), frame.time_s !== null && `${clock(frame.time_s)} into ${frame.name || fileName(frame.source)}`, frame.time_s === null && match && frame.name].filter(Boolean).join(" · "));
    this.showTools(frame);
    this.showPicture(frame);
    this.showStrip();
    this.showSide(frame);
    for (const other of [this.at - 1, this.at + 1]) {
      if (this.frames[other]) new Image().src = this.address(this.frames[other], SIDE);
    }
  }

  address(frame, side) {
    return pictures.frame(frame.media_key, frame.frame_index, side);
  }

  showTools(frame) {
    const several = this.frames.length > 1;
    const dim = h("input", { type: "checkbox", role: "switch", checked: dimmed });
    dim.addEventListener("change", () => { dimmed = dim.checked; this.show(); });
    const matches = state.answer.ranking?.matches ?? [];
    put(
      this.tools,
      h("label", { class: "switch" }, dim, "Dim others"),
      frame.time_s !== null && frame.kind !== "stream" ? button(this.playing ? "Back to the frame" : "Play clip", { sign: this.playing ? "scene" : "play", kind: "small", onclick: () => this.togglePlay() }) : null,
      several ? h("span", { class: "paired" }, button("", { sign: "left", label: "Frame before (←)", kind: "small", disabled: this.at === 0, onclick: () => this.step(-1) }), button("", { sign: "right", label: "Frame after (→)", kind: "small", disabled: this.at === this.frames.length - 1, onclick: () => this.step(1) })) : null,
      matches.length && matchOf(this.wanted) ? h("span", { class: "paired" }, button("", { sign: "up", label: "Match before (k)", kind: "small", onclick: () => this.stepMatch(-1) }), button("", { sign: "down", label: "Next match (j)", kind: "small", onclick: () => this.stepMatch(1) })) : null,
    );
  }

  showPicture(frame) {
    const here = this.wantedHere;
    const { width, height } = frame;
    const address = this.address(frame, SIDE);
    const image = h("img", { src: address, alt: sceneWords(frame, here), width, height });
    image.addEventListener("error", async () => {
      const why = await whyNot(address);
      if (this.frame === frame) put(this.picture, h("div", { class: "notice" }, icon("scene"), h("strong", {}, "The picture is not there"), h("p", {}, why)));
    }, { once: true });
    const others = frame.people.filter((person) => person !== here);
    const bright = here ? [here] : [];
    const chosen = frame.people.find((person) => person.detection_id === this.selected);
    if (chosen && chosen !== here) bright.push(chosen);
    put(
      this.picture,
      h(
        "div",
        { class: "scene-stage", style: { "--ratio": String(width / height), "aspect-ratio": `${width} / ${height}` } },
        image,
        overlay(
          width,
          height,
          dimmed && bright.length ? veil(width, height, bright.map((person) => person.box)) : null,
          ...others.map((person) => outline(person.box, person === chosen ? "chosen" : "other")),
          here ? outline(here.box, "match") : null,
        ),
        ...frame.people.map((person, at) =>
          boxButton(person.box, width, height, `${person === here ? "The match" : `Person ${at + 1} of ${frame.people.length}`}${person.flags?.length ? `, ${person.flags.join(", ")}` : ""}`, {
            "aria-pressed": String(person.detection_id === this.selected),
            onclick: () => { this.selected = person.detection_id; this.show(); this.side.querySelector("button")?.focus(); },
          }),
        ),
      ),
    );
  }

  showStrip() {
    if (this.frames.length < 2) {
      put(this.strip);
      return;
    }
    put(
      this.strip,
      ...this.frames.map((frame, at) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", "aria-current": at === this.at ? "true" : null, "aria-label": `Frame at ${clock(frame.time_s ?? 0)}, ${counted(frame.people.length, "person", "people")}`, onclick: () => { this.at = at; this.show(); } },
            h("img", { src: this.address(frame, STRIP_SIDE), alt: "", loading: "lazy", decoding: "async", width: frame.width, height: frame.height }),
            h("span", {}, clock(frame.time_s ?? 0)),
          ),
        ),
      ),
    );
    this.strip.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  showSide(frame) {
    const person = frame.people.find((one) => one.detection_id === this.selected) ?? this.wantedHere;
    const match = person ? matchOf(person.detection_id) : null;
    if (!person) {
      put(this.side, h("h3", {}, frame.people.length ? "Choose a person" : "Nobody was found here"), h("p", { class: "soft note" }, frame.people.length ? "Choose one of the outlined people to search for them." : "Step to another frame with the arrow keys."));
      return;
    }
    const example = { detection_id: person.detection_id };
    const verdict = markOf(person.detection_id);
    const searching = state.asked.examples.length > 0;
    put(
      this.side,
      h("h3", {}, match && span(match).start !== null ? spanWords(match) : "This person"),
      match ? trustStory(match, state.answer.ranking.searched) : null,
      person.flags?.length ? h("ul", { class: "chips" }, ...person.flags.map(flag)) : null,
      match
        ? h(
            "div",
            { class: "actions" },
            button("Right", { sign: "check", kind: "right", "aria-pressed": String(verdict === "right"), onclick: () => this.judge(match, "right") }),
            button("Wrong", { sign: "cross", kind: "wrong", "aria-pressed": String(verdict === "wrong"), onclick: () => this.judge(match, "wrong") }),
          )
        : null,
      h(
        "div",
        { class: "stack" },
        button("Search for this person", { sign: "search", kind: match ? "" : "primary", onclick: () => addExample(example, { fresh: true }) }),
        searching && !match ? button("Add as one more view", { sign: "plus", onclick: () => addExample(example) }) : null,
      ),
      facts(person, frame, match),
      may("keeper") ? button("Forget…", { sign: "bin", kind: "quiet small", onclick: () => openForget({ person, frame }) }) : null,
    );
  }

  judge(match, verdict) {
    markMatch(match, verdict);
    this.showSide(this.frame);
  }

  step(by) {
    if (!this.frames[this.at + by]) return;
    this.at += by;
    this.selected = this.wantedHere?.detection_id ?? null;
    this.show();
    announce(sceneWords(this.frame, this.wantedHere));
  }

  stepMatch(by) {
    const matches = state.answer.ranking?.matches ?? [];
    const next = matches[matches.findIndex((match) => match.detection_id === this.wanted) + by];
    if (next) openScene(next.detection_id);
  }

  togglePlay() {
    if (this.playing) {
      this.show();
      return;
    }
    const frame = this.frame;
    const sighting = this.focus?.sighting;
    const start = Math.max(0, (sighting ? sighting.start_s : frame.time_s) - CLIP_LEAD_S);
    const end = Math.min(start + CLIP_MOST_S, (sighting ? sighting.end_s : frame.time_s) + CLIP_LEAD_S);
    const address = pictures.clip(frame.media_key, start, end);
    const video = h("video", { src: address, controls: true, autoplay: true, playsinline: true, muted: true, "aria-label": `Clip from ${clock(start)} to ${clock(end)}` });
    const status = h("p", { class: "clip-status note soft", role: "status" }, h("span", { class: "spinner" }), " Cutting the clip…");
    video.addEventListener("loadeddata", () => status.remove());
    video.addEventListener("error", async () => {
      const why = await whyNot(address);
      if (this.playing) put(this.picture, h("div", { class: "notice" }, icon("film"), h("strong", {}, "The clip cannot be played"), h("p", {}, why), button("Back to the frame", { kind: "small", onclick: () => this.show() })));
    }, { once: true });
    this.playing = true;
    put(this.picture, h("div", { class: "scene-stage clip", style: { "--ratio": String(frame.width / frame.height), "aspect-ratio": `${frame.width} / ${frame.height}` } }, video, status));
    this.showTools(frame);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=text], textarea, video")) return;
    const match = matchOf(this.selected ?? this.wanted);
    const actions = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      j: () => this.stepMatch(1),
      k: () => this.stepMatch(-1),
      p: () => this.frame?.time_s !== null && this.togglePlay(),
      d: () => { dimmed = !dimmed; this.show(); },
      r: () => match && this.judge(match, "right"),
      w: () => match && this.judge(match, "wrong"),
    };
    const action = actions[event.key];
    if (!action || !this.frames.length) return;
    event.preventDefault();
    event.stopPropagation();
    try {
      action();
    } catch (problem) {
      sayProblem(problem);
    }
  }
}

function sceneWords(frame, here) {
  const when = frame.time_s === null ? "" : ` at ${clock(frame.time_s)}`;
  return `${frame.name || fileName(frame.source)}${when}: ${counted(frame.people.length, "person", "people")}${here ? ", the match outlined" : ""}`;
}

function facts(person, frame, match) {
  const [x1, y1, x2, y2] = person.box;
  const rows = [
    match && ["Similarity", match.similarity.toFixed(3)],
    match?.sighting && ["In view", `${counted(match.sighting.num_detections, "frame")}, ${clock(match.sighting.start_s)} to ${clock(match.sighting.end_s)}`],
    ["Camera", frame.camera_id ?? "not known"],
    frame.captured_at && ["Day", day(new Date(frame.captured_at))],
    ["File", frame.source],
    frame.time_s !== null && ["Frame", String(frame.frame_index)],
    ["Detector score", person.score.toFixed(2)],
    ["Size", `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)} pixels`],
  ].filter(Boolean);
  return h("dl", { class: "facts-list note" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)]));
}
