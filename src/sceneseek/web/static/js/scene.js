/** A scene large: the match outlined, the whole video to step through, boxes to draw, and the clip. */

import { announce } from "./announce.js";
import { api } from "./api.js";
import { Course } from "./course.js";
import { button, h, put } from "./dom.js";
import { markMatch } from "./matches.js";
import { showSide } from "./scene-side.js";
import { frameAddress, frameWords, showClip, showFrame, showRefusal } from "./scene-stage.js";
import { Scrubber } from "./scrubber.js";
import { addExample, ask, matchOf, on, state, undoMark } from "./state.js";
import { Strip } from "./strip.js";
import { cameraWords, clock, fileName, moment } from "./words.js";

const FAR = 10;

let viewer = null;
let dims = true;

/** Show the scene of a person of the gallery; the address remembers it, so Back closes it. */
export function openScene(detectionId) {
  ask({ scene: detectionId }, { remember: !state.asked.scene });
}

/** Show a file from its first frame, to step through it and pick somebody. */
export function openMedium(mediaKey) {
  openScene(`@${mediaKey}`);
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
 * scene:  what the address names: a person of the gallery, "@medium" or "@medium:frame"
 * course: the searched pictures of its file; `place` is the one to show, `frame` the one shown, with its people
 * chosen: id of the person whose facts stand beside the scene
 * drawn:  the box that was drawn in the frame shown
 * track:  the sighting that is outlined in other frames too
 */
class Viewer {
  constructor(scene) {
    this.opener = document.activeElement;
    this.picture = h("div", { class: "scene-picture" });
    this.below = h("div", { class: "scene-below" });
    this.side = h("div", { class: "scene-side" });
    this.title = h("h2", { id: "scene-title", tabindex: "-1" }, "Scene");
    this.under = h("p", { class: "note soft wrap" });
    this.tools = h("div", { class: "actions" });
    const close = button("", { sign: "cross", label: "Close (Escape)", kind: "quiet", onclick: () => this.leave() });
    this.dialog = h(
      "dialog",
      { class: "scene", "aria-labelledby": "scene-title" },
      h("header", {}, h("div", { class: "scene-titles" }, this.title, this.under), this.tools, close),
      h("div", { class: "scene-body" }, h("div", { class: "scene-main" }, this.picture, this.below), this.side),
    );
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    // What has the focus may be drawn anew; the keys hold as long as nothing lies above the scene.
    this.listen = (event) => [...document.querySelectorAll("dialog[open]")].at(-1) === this.dialog && this.key(event);
    addEventListener("keydown", this.listen);
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.title.focus();
    this.load(scene);
  }

  leave() {
    ask({ scene: null });
  }

  close() {
    this.strip?.close();
    removeEventListener("keydown", this.listen);
    this.dialog.close();
    this.dialog.remove();
    viewer = null;
    // The match that was looked at last is the place to go on from.
    const card = document.querySelector(`[data-detection="${CSS.escape(this.scene)}"] .portrait`);
    const opener = this.opener?.isConnected ? this.opener : document.getElementById("main");
    (card ?? opener).focus({ preventScroll: !card });
  }

  /** Fetch what the address names and show it, with the way through the rest of its file. */
  async load(scene) {
    this.strip?.close();
    Object.assign(this, { scene, course: null, strip: null, scrubber: null, place: 0, frame: null, mark: null });
    Object.assign(this, { chosen: null, drawn: null, sighting: null, track: null, plays: false, towards: 1 });
    for (const place of [this.side, this.below, this.tools]) put(place);
    put(this.picture, h("span", { class: "spinner" }));
    try {
      const { mediaKey, index, person } = await whereIs(scene);
      const course = new Course(mediaKey);
      const place = await course.find(index);
      if (this.scene !== scene) return;
      Object.assign(this, { course, place, chosen: person?.detection_id ?? null, sighting: person?.sighting ?? null });
      if (course.total > 1) this.showWay();
      await this.follow();
    } catch (problem) {
      if (this.scene === scene) showRefusal(this.picture, "This scene cannot be shown", problem);
    }
  }

  /** The whole video below the frame: its line, and the frames around. */
  showWay() {
    const go = (place) => this.go(place);
    this.scrubber = new Scrubber(this.course, go);
    this.strip = new Strip(this.course, go);
    put(this.below, this.scrubber.element, this.strip.element);
    this.strip.show(this.place);
  }

  /** Show the frame at `place`. One frame is fetched at a time; those that were passed over meanwhile are left out. */
  async follow() {
    if (this.fetching) return;
    this.fetching = true;
    const { course } = this;
    try {
      let shown = -1;
      while (this.course === course && shown !== this.place) {
        shown = this.place;
        const frame = await course.frame(shown);
        if (this.course !== course || !frame) return;
        this.mark = course.known(shown);
        this.frame = frame;
        this.found();
      }
      this.ahead();
    } catch (problem) {
      if (this.course === course) showRefusal(this.picture, "This frame cannot be shown", problem);
    } finally {
      this.fetching = false;
      if (this.course !== course && this.course) this.follow();
    }
  }

  /** A frame has come: find the one looked for in it, and show it. */
  found() {
    const itself = this.frame.people.find((person) => person.detection_id === this.scene);
    if (itself) this.track = itself.tracklet_id;
    this.chosen = this.wanted?.detection_id ?? null;
    this.drawn = null;
    this.show();
    this.scrubber?.show(this.place, this.mark);
    if (!this.scene.startsWith("@")) return;
    // A reload opens the frame that was looked at.
    this.scene = `@${this.course.mediaKey}:${this.frame.frame_index}`;
    ask({ scene: this.scene });
  }

  /** Have the browser fetch the picture that comes next. */
  async ahead() {
    const next = await this.course?.frame(this.place + this.towards).catch(() => null);
    if (next && this.frame) new Image().src = frameAddress(next);
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
    this.picture.classList.remove("coming");
    this.showTitle();
    this.seen = showFrame(this.picture, frame, {
      wanted: this.wanted,
      chosen: frame.people.find((person) => person.detection_id === this.chosen) ?? null,
      dims,
      zoom: this.seen?.zoom.value ?? 1,
      choose: (person) => this.choose(person),
      drawn: (box) => this.draw(box),
      accepted: () => this.drawn && addExample(this.example(), { fresh: true }),
      still: () => this.frame === frame,
    });
    this.showTools();
    this.showSide();
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
    const focused = this.tools.contains(document.activeElement) ? document.activeElement : null;
    const label = focused?.getAttribute("aria-label") ?? focused?.textContent;
    const dim = h("input", { type: "checkbox", role: "switch", checked: dims, "aria-label": "Dim others" });
    dim.addEventListener("change", () => this.dim(dim.checked));
    const step = (sign, words, disabled, onclick) =>
      button("", { sign, label: words, kind: "small", disabled, onclick });
    const tools = [h("label", { class: "switch" }, dim, "Dim others")];
    if (!this.plays) tools.push(...(this.seen?.tools ?? []));
    if (this.hasClip) {
      const [words, sign] = this.plays ? ["Back to the frame", "scene"] : ["Play clip", "play"];
      tools.push(button(words, { sign, kind: "small", onclick: () => this.togglePlay() }));
    }
    const last = (this.course?.total ?? 1) - 1;
    if (last > 0) {
      const before = step("left", "Frame before (←)", this.place === 0, () => this.go(this.place - 1));
      const after = step("right", "Frame after (→)", this.place === last, () => this.go(this.place + 1));
      const people = step("next", "Next frame with people (n)", false, () => this.goToPeople(1));
      tools.push(h("span", { class: "paired" }, before, after, people));
    }
    if (matchOf(this.scene)) {
      const before = step("up", "Match before (k)", !this.matchAt(-1), () => this.stepMatch(-1));
      const next = step("down", "Next match (j)", !this.matchAt(1), () => this.stepMatch(1));
      tools.push(h("span", { class: "paired" }, before, next));
    }
    put(this.tools, ...tools);
    if (!label) return;
    const same = [...this.tools.querySelectorAll("button, input")].find(
      (one) => (one.getAttribute("aria-label") ?? one.textContent) === label && !one.disabled,
    );
    (same ?? this.title).focus({ preventScroll: true });
  }

  showSide() {
    const person = this.frame.people.find((one) => one.detection_id === this.chosen) ?? this.wanted;
    showSide(this.side, {
      person: this.drawn ? null : person,
      drawn: this.drawn && this.example(),
      frame: this.frame,
      judge: (match, verdict) => this.judge(match, verdict),
      drop: () => this.seen.drop(),
      gone: () => this.load(this.scene),
    });
  }

  /** What to ask with for the box that was drawn. */
  example() {
    return { media_key: this.frame.media_key, frame_index: this.frame.frame_index, box: this.drawn };
  }

  choose(person) {
    this.chosen = person.detection_id;
    this.drawn = null;
    this.show();
    this.side.querySelector("button")?.focus();
  }

  draw(box) {
    this.drawn = box;
    this.showSide();
  }

  judge(match, verdict) {
    markMatch(match, verdict);
    this.showSide();
  }

  dim(on) {
    dims = on;
    this.show();
  }

  /** Go to another place of the file; one that lies beyond an end is that end. */
  go(place) {
    if (!this.course) return;
    const next = Math.min(this.course.total - 1, Math.max(0, place));
    if (next === this.place) return;
    this.towards = next > this.place ? 1 : -1;
    this.place = next;
    this.scrubber?.show(next, this.course.known(next));
    this.strip?.show(next);
    this.picture.classList.add("coming");
    this.follow().then(() => this.frame && this.place === next && announce(frameWords(this.frame, this.wanted)));
  }

  async goToPeople(by) {
    const { course } = this;
    const place = await course?.withPeople(this.place, by).catch(() => null);
    if (this.course !== course) return;
    if (place === null) announce(by > 0 ? "Nobody was found in a later frame." : "Nobody was found in an earlier frame.");
    else this.go(place);
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
    const inSight = this.wanted && this.sighting ? this.sighting : null;
    showClip(this.picture, this.frame, inSight, () => this.show());
    this.showTools();
  }

  key(event) {
    if (event.defaultPrevented || event.metaKey || event.altKey || !this.frame) return;
    if (event.target.matches("input[type=text], textarea, video")) return;
    if (event.ctrlKey && event.key !== "z") return;
    const match = matchOf(this.chosen ?? this.scene);
    const action = event.ctrlKey
      ? undoMark() && (() => this.showSide())
      : {
          ArrowLeft: () => this.go(this.place - 1),
          ArrowRight: () => this.go(this.place + 1),
          PageUp: () => this.go(this.place - FAR),
          PageDown: () => this.go(this.place + FAR),
          Home: () => this.go(0),
          End: () => this.go(this.course.total - 1),
          n: () => this.goToPeople(1),
          N: () => this.goToPeople(-1),
          j: () => this.stepMatch(1),
          k: () => this.stepMatch(-1),
          p: () => this.hasClip && this.togglePlay(),
          d: () => this.dim(!dims),
          r: () => match && this.judge(match, "right"),
          w: () => match && this.judge(match, "wrong"),
          u: () => undoMark() && this.showSide(),
        }[event.key];
    if (action) action();
    else if (this.plays || !this.seen?.key(event)) return;
    event.preventDefault();
  }
}

/** The medium and frame of what the address names, and the person in it. */
async function whereIs(scene) {
  if (scene.startsWith("@")) {
    const [, mediaKey, index] = /^@([^:]+)(?::(\d+))?$/.exec(scene);
    return { mediaKey, index: index === undefined ? null : Number(index), person: null };
  }
  const person = matchOf(scene) ?? (await api.person(scene));
  return { mediaKey: person.media_key, index: person.frame_index, person };
}
