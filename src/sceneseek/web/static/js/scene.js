/** A scene large: the match outlined and the rest dimmed, the frames before and after, and the clip. */

import { api } from "./api.js";
import { announce } from "./announce.js";
import { button, h, put } from "./dom.js";
import { markMatch } from "./matches.js";
import { showSide } from "./scene-side.js";
import { frameAddress, frameWords, moveStrip, showClip, showFrame, showRefusal, showStrip } from "./scene-stage.js";
import { ask, matchOf, on, state } from "./state.js";
import { cameraWords, clock, fileName, moment } from "./words.js";

const NEIGHBOURS = 12;

let viewer = null;
let dims = true;

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
    const scene = state.asked.scene;
    if (!scene) viewer?.close();
    else if (!viewer) viewer = new Viewer(scene);
    else if (viewer.scene !== scene) viewer.load(scene);
  };
  on("asked", follow);
  follow();
}

/**
 * The dialog.
 *
 * scene:  what the address names: a person of the gallery, or "@medium:frame"
 * frames: the frame and its neighbours; `at` is the one shown
 * chosen: id of the person whose facts stand beside the scene
 * track:  the sighting that is outlined in neighbouring frames too
 */
class Viewer {
  constructor(scene) {
    this.opener = document.activeElement;
    this.picture = h("div", { class: "scene-picture" });
    this.strip = h("ol", { class: "strip", "aria-label": "Frames before and after" });
    this.side = h("div", { class: "scene-side" });
    this.title = h("h2", { id: "scene-title", tabindex: "-1" }, "Scene");
    this.under = h("p", { class: "note soft wrap" });
    this.tools = h("div", { class: "actions" });
    const close = button("", { sign: "cross", label: "Close (Escape)", kind: "quiet", onclick: () => this.leave() });
    this.dialog = h(
      "dialog",
      { class: "scene", "aria-labelledby": "scene-title" },
      h("header", {}, h("div", { class: "scene-titles" }, this.title, this.under), this.tools, close),
      h("div", { class: "scene-body" }, h("div", { class: "scene-main" }, this.picture, this.strip), this.side),
    );
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.title.focus();
    this.load(scene);
  }

  leave() {
    ask({ scene: null });
  }

  close() {
    this.dialog.close();
    this.dialog.remove();
    viewer = null;
    // The match that was looked at last is the place to go on from.
    const card = document.querySelector(`[data-detection="${CSS.escape(this.scene)}"] .portrait`);
    const opener = this.opener?.isConnected ? this.opener : document.getElementById("main");
    (card ?? opener).focus({ preventScroll: !card });
  }

  /** Fetch a person's or a frame's surroundings and show them. */
  async load(scene) {
    Object.assign(this, { scene, frames: [], at: 0, chosen: null, sighting: null, track: null, plays: false });
    for (const place of [this.side, this.strip, this.tools]) put(place);
    put(this.picture, h("span", { class: "spinner" }));
    try {
      const { mediaKey, index, person } = await whereIs(scene);
      const { frames } = await api.around(mediaKey, index, NEIGHBOURS, NEIGHBOURS);
      if (this.scene !== scene) return;
      this.frames = frames;
      this.at = frames.findIndex((frame) => frame.frame_index === index);
      this.chosen = person?.detection_id ?? null;
      this.sighting = person?.sighting ?? null;
      this.track = this.frame.people.find((one) => one.detection_id === scene)?.tracklet_id ?? null;
      showStrip(this.strip, frames, this.at, (at) => this.go(at));
      this.show();
    } catch (problem) {
      if (this.scene === scene) showRefusal(this.picture, "This scene cannot be shown", problem);
    }
  }

  get frame() {
    return this.frames[this.at];
  }

  /** The one looked for, in the frame shown: itself, or the same sighting. */
  get wanted() {
    const { people } = this.frame;
    const itself = people.find((person) => person.detection_id === this.scene);
    return itself ?? people.find((person) => this.track !== null && person.tracklet_id === this.track) ?? null;
  }

  show() {
    const { frame } = this;
    this.plays = false;
    this.showTitle();
    this.showTools();
    showFrame(this.picture, frame, {
      wanted: this.wanted,
      chosen: frame.people.find((person) => person.detection_id === this.chosen) ?? null,
      dims,
      choose: (person) => this.choose(person),
      still: () => this.frame === frame,
    });
    this.showSide();
    for (const at of [this.at - 1, this.at + 1]) {
      if (this.frames[at]) new Image().src = frameAddress(this.frames[at]);
    }
  }

  showTitle() {
    const { frame } = this;
    const match = matchOf(this.scene);
    const name = frame.name || fileName(frame.source);
    this.title.textContent = match ? `Match ${match.rank}` : name;
    this.under.textContent = [
      frame.camera_id && cameraWords(frame.camera_id),
      frame.captured_at && moment(new Date(frame.captured_at)),
      frame.time_s !== null ? `${clock(frame.time_s)} into ${name}` : match && name,
    ]
      .filter(Boolean)
      .join(" · ");
  }

  showTools() {
    const dim = h("input", { type: "checkbox", role: "switch", checked: dims });
    dim.addEventListener("change", () => this.dim(dim.checked));
    const step = (sign, label, disabled, onclick) => button("", { sign, label, kind: "small", disabled, onclick });
    const last = this.frames.length - 1;
    const tools = [h("label", { class: "switch" }, dim, "Dim others")];
    if (this.hasClip) {
      const [words, sign] = this.plays ? ["Back to the frame", "scene"] : ["Play clip", "play"];
      tools.push(button(words, { sign, kind: "small", onclick: () => this.togglePlay() }));
    }
    if (last > 0) {
      const before = step("left", "Frame before (←)", this.at === 0, () => this.go(this.at - 1));
      const after = step("right", "Frame after (→)", this.at === last, () => this.go(this.at + 1));
      tools.push(h("span", { class: "paired" }, before, after));
    }
    if (matchOf(this.scene)) {
      const before = step("up", "Match before (k)", !this.matchAt(-1), () => this.stepMatch(-1));
      const next = step("down", "Next match (j)", !this.matchAt(1), () => this.stepMatch(1));
      tools.push(h("span", { class: "paired" }, before, next));
    }
    put(this.tools, ...tools);
  }

  showSide() {
    const person = this.frame.people.find((one) => one.detection_id === this.chosen) ?? this.wanted;
    showSide(this.side, person, this.frame, (match, verdict) => this.judge(match, verdict));
  }

  choose(person) {
    this.chosen = person.detection_id;
    this.show();
    this.side.querySelector("button")?.focus();
  }

  judge(match, verdict) {
    markMatch(match, verdict);
    this.showSide();
  }

  dim(on) {
    dims = on;
    this.show();
  }

  /** Show another of the frames around. */
  go(at) {
    if (!this.frames[at]) return;
    this.at = at;
    this.chosen = this.wanted?.detection_id ?? null;
    this.show();
    moveStrip(this.strip, at);
    announce(frameWords(this.frame, this.wanted));
  }

  /** The match `by` places further down the list, if there is one. */
  matchAt(by) {
    const matches = state.answer.ranking?.matches ?? [];
    return matches[matches.findIndex((match) => match.detection_id === this.scene) + by] ?? null;
  }

  stepMatch(by) {
    const next = matchOf(this.scene) && this.matchAt(by);
    if (next) openScene(next.detection_id);
  }

  get hasClip() {
    return this.frame.time_s !== null && this.frame.kind !== "stream";
  }

  togglePlay() {
    if (this.plays) {
      this.show();
      return;
    }
    this.plays = true;
    showClip(this.picture, this.frame, this.sighting, () => this.show());
    this.showTools();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.frames.length) return;
    if (event.target.matches("input[type=text], textarea, video")) return;
    const match = matchOf(this.chosen ?? this.scene);
    const action = {
      ArrowLeft: () => this.go(this.at - 1),
      ArrowRight: () => this.go(this.at + 1),
      j: () => this.stepMatch(1),
      k: () => this.stepMatch(-1),
      p: () => this.hasClip && this.togglePlay(),
      d: () => this.dim(!dims),
      r: () => match && this.judge(match, "right"),
      w: () => match && this.judge(match, "wrong"),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}

/** The medium and frame of what the address names, and the person in it. */
async function whereIs(scene) {
  if (scene.startsWith("@")) {
    const cut = scene.lastIndexOf(":");
    return { mediaKey: scene.slice(1, cut), index: Number(scene.slice(cut + 1)), person: null };
  }
  const person = matchOf(scene) ?? (await api.person(scene));
  return { mediaKey: person.media_key, index: person.frame_index, person };
}
