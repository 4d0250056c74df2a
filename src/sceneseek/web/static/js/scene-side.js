/** Beside a scene: who was chosen in it, how far to trust the match, and what can be done. */

import { BOX_KEYS } from "./box.js";
import { button, h, put } from "./dom.js";
import { openForget } from "./forget.js";
import { flag } from "./matches.js";
import { addExample, markOf, matchOf, may, state } from "./state.js";
import { trustStory } from "./trust.js";
import { clock, counted, day, sourceWords, span, spanWords } from "./words.js";

/**
 * Fill `place` for a `person` of a `frame`, for a box that was `drawn` in it (an example), or say how to choose one.
 * `judge(match, verdict)` marks, `drop()` takes the box away, `gone()` is called when somebody was forgotten.
 */
export function showSide(place, { person, drawn, frame, judge, drop, gone }) {
  if (drawn) {
    put(place, ...ofBox(drawn, frame, drop));
    return;
  }
  if (!person) {
    const anybody = frame.people.length > 0;
    put(
      place,
      h("h3", {}, anybody ? "Choose a person" : "Nobody was found here"),
      h(
        "p",
        { class: "soft note" },
        anybody ? "Choose one of the outlined people to search for them. " : "",
        "Somebody is missing? Draw a box around them, from head to feet.",
      ),
      facts(frame),
      forget({ frame }, gone),
    );
    return;
  }
  const match = matchOf(person.detection_id);
  put(
    place,
    h("h3", {}, match && span(match).start !== null ? spanWords(match) : "This person"),
    match ? trustStory(match) : null,
    person.flags.length ? h("ul", { class: "chips" }, ...person.flags.map(flag)) : null,
    match ? verdicts(match, judge) : null,
    questions({ detection_id: person.detection_id }, match),
    facts(frame, person, match),
    forget({ person, frame }, gone),
  );
}

function ofBox(example, frame, drop) {
  return [
    h("h3", {}, "The box you drew"),
    h("p", { class: "soft note" }, `Move or resize it. With keys: ${BOX_KEYS}.`),
    questions(example, null),
    button("Remove the box", { kind: "quiet small", onclick: drop }),
    facts(frame, { box: example.box }),
  ];
}

function forget(about, gone) {
  if (!may("keeper")) return null;
  return button("Forget…", { sign: "bin", kind: "quiet small", onclick: () => openForget(about, gone) });
}

function verdicts(match, judge) {
  const choice = (verdict, words, sign) =>
    button(words, {
      sign,
      kind: verdict,
      "aria-pressed": String(markOf(match.detection_id) === verdict),
      onclick: () => judge(match, verdict),
    });
  return h("div", { class: "actions" }, choice("right", "Right", "check"), choice("wrong", "Wrong", "cross"));
}

function questions(example, match) {
  const searching = state.asked.examples.length > 0;
  return h(
    "div",
    { class: "stack" },
    button("Search for this person", {
      sign: "search",
      kind: match ? "" : "primary",
      onclick: () => addExample(example, { fresh: true }),
    }),
    searching && !match ? button("Add as another example", { sign: "plus", onclick: () => addExample(example) }) : null,
  );
}

function facts(frame, person = null, match = null) {
  const [x1, y1, x2, y2] = person?.box ?? [];
  const sighting = match?.sighting;
  const rows = [
    match && ["Similarity", match.similarity.toFixed(3)],
    sighting && [
      "In view",
      `${counted(sighting.num_detections, "frame")}, ${clock(sighting.start_s)} to ${clock(sighting.end_s)}`,
    ],
    ["Camera", frame.camera_id || "not known"],
    frame.captured_at && ["Day", day(new Date(frame.captured_at))],
    ["File", sourceWords(frame.source)],
    frame.time_s !== null && ["Frame", String(frame.frame_index)],
    person?.score !== undefined && ["Detector score", person.score.toFixed(2)],
    person && ["Size", `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)} pixels`],
  ].filter(Boolean);
  return h(
    "dl",
    { class: "facts-list note" },
    ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)]),
  );
}
