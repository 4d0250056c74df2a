/** Beside a scene: who was chosen in it, how far to trust the match, and what can be done. */

import { button, h, put } from "./dom.js";
import { openForget } from "./forget.js";
import { flag } from "./matches.js";
import { addExample, markOf, matchOf, may, state } from "./state.js";
import { trustStory } from "./trust.js";
import { clock, counted, day, span, spanWords } from "./words.js";

/** Fill `place` for a person of a frame, or say how to choose one. `judge(match, verdict)` marks. */
export function showSide(place, person, frame, judge) {
  if (!person) {
    const anybody = frame.people.length > 0;
    put(
      place,
      h("h3", {}, anybody ? "Choose a person" : "Nobody was found here"),
      h(
        "p",
        { class: "soft note" },
        anybody
          ? "Choose one of the outlined people to search for them."
          : "Step to another frame with the arrow keys.",
      ),
    );
    return;
  }
  const match = matchOf(person.detection_id);
  put(
    place,
    h("h3", {}, match && span(match).start !== null ? spanWords(match) : "This person"),
    match ? trustStory(match, state.answer.ranking.searched) : null,
    person.flags.length ? h("ul", { class: "chips" }, ...person.flags.map(flag)) : null,
    match ? verdicts(match, judge) : null,
    questions(person, match),
    facts(person, frame, match),
    may("keeper")
      ? button("Forget…", { sign: "bin", kind: "quiet small", onclick: () => openForget({ person, frame }) })
      : null,
  );
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

function questions(person, match) {
  const example = { detection_id: person.detection_id };
  const searching = state.asked.examples.length > 0;
  return h(
    "div",
    { class: "stack" },
    button("Search for this person", {
      sign: "search",
      kind: match ? "" : "primary",
      onclick: () => addExample(example, { fresh: true }),
    }),
    searching && !match ? button("Add as one more view", { sign: "plus", onclick: () => addExample(example) }) : null,
  );
}

function facts(person, frame, match) {
  const [x1, y1, x2, y2] = person.box;
  const sighting = match?.sighting;
  const rows = [
    match && ["Similarity", match.similarity.toFixed(3)],
    sighting && [
      "In view",
      `${counted(sighting.num_detections, "frame")}, ${clock(sighting.start_s)} to ${clock(sighting.end_s)}`,
    ],
    ["Camera", frame.camera_id || "not known"],
    frame.captured_at && ["Day", day(new Date(frame.captured_at))],
    ["File", frame.source],
    frame.time_s !== null && ["Frame", String(frame.frame_index)],
    ["Detector score", person.score.toFixed(2)],
    ["Size", `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)} pixels`],
  ].filter(Boolean);
  return h(
    "dl",
    { class: "facts-list note" },
    ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)]),
  );
}
