/** The one place where what is asked and what was answered live. Views read it and are told of changes. */

import { clearProblems } from "./announce.js";
import { api } from "./api.js";
import { exampleKey, fromAddress, noFilters, noMarks, nothingAsked, searchBody, toAddress } from "./address.js";
import { withReason } from "./reason.js";

const listeners = new Map();
let searching = null;

/**
 * asked:    what the address says (see address.js)
 * answer:   {status: "none" | "loading" | "ready" | "failed", ranking, problem, question, key}
 * gallery:  what GET /api/gallery said, or null
 * pictures: query pictures by id: {query_id, width, height, people, name}
 * coming:   name of the query picture that is on its way to the server, or null
 * replaced: the example that the person chosen next takes the place of, or null
 * current:  index of the match that keys act on
 */
export const state = {
  asked: fromAddress(location.search),
  answer: { status: "none", ranking: null, problem: null, key: "" },
  gallery: null,
  pictures: new Map(),
  coming: null,
  replaced: null,
  current: 0,
};

/** Call `listener` whenever one of the named parts changes. */
export function on(names, listener) {
  for (const name of names.split(" ")) {
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name).add(listener);
  }
}

/** Say that parts have changed; each listener is called once. */
export function changed(...names) {
  const due = new Set(names.flatMap((name) => [...(listeners.get(name) ?? [])]));
  for (const listener of due) listener(state);
}

/** Change what is asked and write it into the address. `remember`: the Back button returns to what was before. */
export function ask(patch, { remember = false } = {}) {
  state.asked = { ...state.asked, ...patch };
  const address = toAddress(state.asked);
  const url = address ? `?${address}` : location.pathname;
  if (url !== location.search && !(url === location.pathname && location.search === "")) {
    history[remember ? "pushState" : "replaceState"](null, "", url);
  }
  changed("asked");
}

/** Take over what the address says, after Back and Forward. */
export function askFromAddress() {
  state.asked = fromAddress(location.search);
  state.coming = state.replaced = null;
  undone.length = 0;
  changed("asked", "picking");
}

/** What decides the answer, as one string: equal strings, equal questions. */
export function askedKey() {
  return JSON.stringify(searchBody(state.asked));
}

/** Whether there are marks that were not searched with yet. */
export function isStale() {
  const { right, wrong } = state.asked.marks;
  return state.answer.status === "ready" && right.length + wrong.length > 0;
}

/** Search for the examples; an older search still under way is dropped. Without examples there is no answer. */
export async function search() {
  searching?.abort();
  if (!state.asked.examples.length) {
    state.answer = { status: "none", ranking: null, problem: null, key: "" };
    changed("answer");
    return;
  }
  const mine = new AbortController();
  searching = mine;
  const question = searchBody(state.asked);
  const key = JSON.stringify(question);
  state.answer = { ...state.answer, status: "loading", problem: null };
  changed("answer");
  try {
    const ranking = await api.search(withReason(question), mine.signal);
    if (searching !== mine) return;
    state.answer = { status: "ready", ranking, problem: null, key, question };
    state.current = 0;
    clearProblems();
  } catch (problem) {
    if (problem.name === "AbortError" || searching !== mine) return;
    state.answer = { status: "failed", ranking: null, problem, key };
  }
  changed("answer");
}

/** Which match of the answer a person of the gallery is, or null. */
export function matchOf(detectionId) {
  return state.answer.ranking?.matches.find((match) => match.detection_id === detectionId) ?? null;
}

/** How a person of the gallery is marked, "right", "wrong" or null: now, or in what was asked. */
export function markOf(detectionId) {
  const { marks, examples, counterExamples } = state.asked;
  for (const verdict of ["right", "wrong"]) if (marks[verdict].includes(detectionId)) return verdict;
  if (examples.some((example) => example.detection_id === detectionId)) return "right";
  if (counterExamples.some((example) => example.detection_id === detectionId)) return "wrong";
  return null;
}

/** What marks were before each of the last changes, the newest last. */
const undone = [];

/** Mark a match right or wrong, or take the mark back. The answer stays until one searches again. */
export function mark(detectionId, verdict) {
  const before = markOf(detectionId);
  const next = before === verdict ? null : verdict;
  undone.push({ detectionId, before });
  setMark(detectionId, next);
  return next;
}

function setMark(detectionId, verdict) {
  const without = (list) => list.filter((id) => id !== detectionId);
  const marks = { right: without(state.asked.marks.right), wrong: without(state.asked.marks.wrong) };
  if (verdict) marks[verdict].push(detectionId);
  ask({ marks });
}

/** Whether there is a mark to undo. */
export function canUndo() {
  return undone.length > 0;
}

/** Take the last change of a mark back; says what it was, null where there is none. */
export function undoMark() {
  const last = undone.pop();
  if (!last) return null;
  setMark(last.detectionId, last.before);
  return last;
}

/** Search with the marks: right ones become examples, wrong ones counter-examples. Back returns to the answer before. */
export function searchAgain() {
  const { marks, examples, counterExamples } = state.asked;
  if (!isStale()) return search();
  const named = (ids) => ids.map((detection_id) => ({ detection_id }));
  undone.length = 0;
  ask(
    {
      examples: [...examples, ...named(marks.right)],
      counterExamples: [...counterExamples, ...named(marks.wrong)],
      marks: noMarks(),
    },
    { remember: true },
  );
  return search();
}

/** Search with one more example of the person, or for somebody new. */
export function addExample(example, { fresh = false } = {}) {
  const leftOut = new Set([exampleKey(example), state.replaced && exampleKey(state.replaced)]);
  const others = (list) => (fresh ? [] : list.filter((other) => !leftOut.has(exampleKey(other))));
  const examples = [...others(state.asked.examples), example];
  const counterExamples = others(state.asked.counterExamples);
  state.replaced = null;
  undone.length = 0;
  const marks = fresh ? noMarks() : state.asked.marks;
  ask({ view: "search", scene: null, pick: null, examples, counterExamples, marks }, { remember: true });
  return search();
}

/** Take an example or counter-example away and search again. */
export function dropExample(example) {
  const key = exampleKey(example);
  const others = (list) => list.filter((other) => exampleKey(other) !== key);
  const examples = others(state.asked.examples);
  const counterExamples = examples.length ? others(state.asked.counterExamples) : [];
  ask({ examples, counterExamples, marks: examples.length ? state.asked.marks : noMarks() }, { remember: true });
  return search();
}

/** Begin again; filters stay only where asked for. */
export function startOver() {
  undone.length = 0;
  ask({ ...nothingAsked(), ranking: state.asked.ranking }, { remember: true });
  return search();
}

/** Change filters and search again; Back returns to the answer before. */
export function restrict(patch) {
  ask({ filters: { ...state.asked.filters, ...patch } }, { remember: state.asked.examples.length > 0 });
  return search();
}

/** Search in one file alone, or be ready to. */
export function searchOnlyIn(source) {
  ask({ view: "search", scene: null, filters: { ...state.asked.filters, sources: [source] } }, { remember: true });
  return search();
}

/** Change how matches are made and search again; Back returns to the answer before. */
export function rankBy(patch) {
  ask({ ranking: { ...state.asked.ranking, ...patch } }, { remember: state.asked.examples.length > 0 });
  return search();
}

/** Ask what was asked before, as an address has it. */
export function askAgain(address) {
  undone.length = 0;
  ask(fromAddress(address), { remember: true });
  return search();
}

/** Choose somebody in a query picture: one more example, or in place of the one that `replaces` names. */
export function pickFrom(queryId, replaces = null) {
  state.coming = null;
  state.replaced = replaces;
  ask({ view: "search", scene: null, pick: queryId }, { remember: true });
}

/** Lift all filters. */
export function liftFilters() {
  return restrict(noFilters());
}

/** Fetch what the gallery says about itself. */
export async function refreshGallery() {
  state.gallery = await api.gallery();
  changed("gallery");
  return state.gallery;
}

/** The caller's role allows at least this. */
export function may(role) {
  const order = ["viewer", "operator", "keeper"];
  return order.indexOf(roleName()) >= order.indexOf(role);
}

/** The caller's role; the least one until the server has said. */
export function roleName() {
  return state.gallery?.caller.role ?? "viewer";
}

/** How many files the gallery looked at. */
export function mediaCount(gallery) {
  return gallery.num_photos + gallery.num_videos + gallery.num_streams;
}
