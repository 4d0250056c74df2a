/** The one place where what is asked and what was answered live. Views read it and are told of changes. */

import { api } from "./api.js";
import { exampleKey, fromAddress, noFilters, nothingAsked, searchBody, toAddress } from "./address.js";
import { withReason } from "./reason.js";

const listeners = new Map();
let searching = null;

/**
 * asked:    what the address says (see address.js)
 * answer:   {status: "none" | "loading" | "ready" | "failed", ranking, problem, question, key}
 * gallery:  what GET /api/gallery said, or null
 * pictures: query pictures by id: {query_id, width, height, people, name}
 * picking:  id of the query picture in which a person is being chosen, or null
 * current:  index of the match that keys act on
 */
export const state = {
  asked: fromAddress(location.search),
  answer: { status: "none", ranking: null, problem: null, key: "" },
  gallery: null,
  pictures: new Map(),
  picking: null,
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
  state.picking = null;
  changed("asked", "picking");
}

/** What decides the answer, as one string: equal strings, equal questions. */
export function askedKey() {
  return JSON.stringify(searchBody(state.asked));
}

/** Whether the marks were changed after the answer that is shown. */
export function isStale() {
  return state.answer.status === "ready" && state.answer.key !== askedKey();
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

/** How a person of the gallery is marked: "right", "wrong" or null. Marks are the examples and counter-examples. */
export function markOf(detectionId) {
  if (state.asked.examples.some((example) => example.detection_id === detectionId)) return "right";
  if (state.asked.counterExamples.some((example) => example.detection_id === detectionId)) return "wrong";
  return null;
}

/** Mark a match right or wrong, or take the mark back. The answer stays until it is asked for again. */
export function mark(detectionId, verdict) {
  const without = (list) => list.filter((example) => example.detection_id !== detectionId);
  const next = markOf(detectionId) === verdict ? null : verdict;
  const examples = without(state.asked.examples);
  const counterExamples = without(state.asked.counterExamples);
  if (next === "right") examples.push({ detection_id: detectionId });
  if (next === "wrong") counterExamples.push({ detection_id: detectionId });
  if (!examples.length) return state.asked.examples.length ? markOf(detectionId) : null;
  ask({ examples, counterExamples });
  return next;
}

/** Search for one more view of the person, or for somebody new. */
export function addExample(example, { fresh = false } = {}) {
  const key = exampleKey(example);
  const kept = fresh ? [] : state.asked.examples.filter((other) => exampleKey(other) !== key);
  const against = fresh ? [] : state.asked.counterExamples.filter((other) => exampleKey(other) !== key);
  state.picking = null;
  ask({ view: "search", scene: null, examples: [...kept, example], counterExamples: against }, { remember: true });
  changed("picking");
  return search();
}

/** Take an example or counter-example away and search again. */
export function dropExample(example) {
  const key = exampleKey(example);
  const others = (list) => list.filter((other) => exampleKey(other) !== key);
  const examples = others(state.asked.examples);
  ask({ examples, counterExamples: examples.length ? others(state.asked.counterExamples) : [] }, { remember: true });
  return search();
}

/** Begin again; filters stay only where asked for. */
export function startOver() {
  state.picking = null;
  ask({ ...nothingAsked(), ranking: state.asked.ranking }, { remember: true });
  changed("picking");
  return search();
}

/** Change filters and search again. */
export function restrict(patch) {
  ask({ filters: { ...state.asked.filters, ...patch } });
  return search();
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
