/** What is asked, as the page's address and back. Pure. An address never holds a picture, only the server's names. */

export const VIEWS = ["search", "gallery", "index", "audit"];
export const SHOWS = ["matches", "timeline", "map"];
export const FLAG_NAMES = ["small", "blurred", "cut", "unsure"];
export const RERANKS = ["cbgm", "k_reciprocal"];
export const TOPS = [20, 40, 100, 200];
const DETECTION = /^[\w.-]{1,128}:\d{1,12}:\d{1,6}$/;
const FRAME = /^@[\w.-]{1,128}(:\d{1,12})?$/;
const PLACE = /^([\w.-]{1,128}):(\d{1,12})$/;
const QUERY = /^[\w-]{1,128}$/;

/** No restriction at all. */
export function noFilters() {
  return {
    cameras: [],
    sources: [],
    after: "",
    before: "",
    since_s: null,
    until_s: null,
    min_score: null,
    exclude_flags: [],
  };
}

/** No match of the answer is marked: marks are ids of people of the gallery, and count when one searches again. */
export function noMarks() {
  return { right: [], wrong: [] };
}

/** How matches are made and how many are wanted. */
export function usualRanking() {
  return { top: 40, by: "sighting", rerank: null };
}

/** What the page shows when its address says nothing. */
export function nothingAsked() {
  return {
    view: "search",
    show: "matches",
    examples: [],
    counterExamples: [],
    marks: noMarks(),
    pick: null,
    filters: noFilters(),
    ranking: usualRanking(),
    scene: null,
  };
}

/**
 * A short, unambiguous name for an example: a person of a query picture, a box on one, a person of the gallery, or a box
 * in one of its pictures.
 */
export function exampleKey(example) {
  if (example.detection_id !== undefined) return `d:${example.detection_id}`;
  const box = example.box?.map((value) => Math.round(value * 10) / 10).join(",");
  if (example.media_key !== undefined) return `f:${example.media_key}:${example.frame_index}:${box}`;
  if (box !== undefined) return `b:${example.query_id}:${box}`;
  return `p:${example.query_id}:${example.person}`;
}

/** The example that a key names; null for anything else. */
export function exampleOf(key) {
  const kind = key.slice(0, 2);
  const rest = key.slice(2);
  if (kind === "d:" && DETECTION.test(rest)) return { detection_id: rest };
  const cut = rest.lastIndexOf(":");
  const where = rest.slice(0, cut);
  const last = rest.slice(cut + 1);
  if (kind === "p:" && QUERY.test(where) && /^\d{1,6}$/.test(last)) return { query_id: where, person: Number(last) };
  const box = last.split(",").map(Number);
  if (box.length !== 4 || !box.every(Number.isFinite) || box[0] >= box[2] || box[1] >= box[3]) return null;
  if (kind === "b:" && QUERY.test(where)) return { query_id: where, box };
  const place = kind === "f:" && PLACE.exec(where);
  return place ? { media_key: place[1], frame_index: Number(place[2]), box } : null;
}

/** State as the part of an address after `?`; what is usual is left out. */
export function toAddress(state) {
  const query = new URLSearchParams();
  const usual = usualRanking();
  const put = (name, value, skip = "") => {
    if (value !== null && value !== undefined && value !== skip) query.append(name, value);
  };
  put("view", state.view, "search");
  put("show", state.show, "matches");
  for (const example of state.examples) query.append("like", exampleKey(example));
  for (const example of state.counterExamples) query.append("unlike", exampleKey(example));
  for (const verdict of ["right", "wrong"]) for (const id of state.marks[verdict]) query.append(verdict, id);
  put("pick", state.pick);
  const f = state.filters;
  for (const camera of f.cameras) query.append("camera", camera);
  for (const source of f.sources) query.append("file", source);
  put("after", f.after);
  put("before", f.before);
  put("since", f.since_s);
  put("until", f.until_s);
  put("score", f.min_score);
  for (const flag of f.exclude_flags) query.append("hide", flag);
  put("top", state.ranking.top, usual.top);
  put("by", state.ranking.by, usual.by);
  put("rerank", state.ranking.rerank, usual.rerank);
  put("scene", state.scene);
  return query.toString();
}

/** The state that an address asks for; values that mean nothing are dropped, never guessed. */
export function fromAddress(text) {
  const query = new URLSearchParams(text);
  const state = nothingAsked();
  const oneOf = (name, allowed, otherwise) => (allowed.includes(query.get(name)) ? query.get(name) : otherwise);
  const examples = (name) =>
    query
      .getAll(name)
      .map(exampleOf)
      .filter((example) => example !== null);
  const number = (name) => {
    const value = query.get(name);
    return value !== null && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
  };
  const localTime = (name) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(query.get(name) ?? "") ? query.get(name) : "";
  state.view = oneOf("view", VIEWS, "search");
  state.show = oneOf("show", SHOWS, "matches");
  state.examples = examples("like");
  state.counterExamples = examples("unlike");
  const marked = (name) => query.getAll(name).filter((id) => DETECTION.test(id));
  state.marks = { right: marked("right"), wrong: marked("wrong") };
  state.pick = QUERY.test(query.get("pick") ?? "") ? query.get("pick") : null;
  state.filters = {
    cameras: query.getAll("camera"),
    sources: query.getAll("file"),
    after: localTime("after"),
    before: localTime("before"),
    since_s: number("since"),
    until_s: number("until"),
    min_score: number("score"),
    exclude_flags: query.getAll("hide").filter((flag) => FLAG_NAMES.includes(flag)),
  };
  const top = number("top");
  state.ranking = {
    top: Number.isInteger(top) && top >= 1 && top <= 500 ? top : usualRanking().top,
    by: oneOf("by", ["sighting", "detection"], "sighting"),
    rerank: oneOf("rerank", RERANKS, null),
  };
  const scene = query.get("scene");
  state.scene = scene && (DETECTION.test(scene) || FRAME.test(scene)) ? scene : null;
  return state;
}

/** The body of a search, as the API wants it: local times become moments in UTC. */
export function searchBody(state) {
  const f = state.filters;
  const utc = (local) => (local ? new Date(local).toISOString() : null);
  const body = {
    examples: state.examples,
    counter_examples: state.counterExamples,
    ...state.ranking,
    cameras: f.cameras,
    sources: f.sources,
    after: utc(f.after),
    before: utc(f.before),
    since_s: f.since_s,
    until_s: f.until_s,
    min_score: f.min_score,
    exclude_flags: f.exclude_flags,
  };
  for (const [name, value] of Object.entries(body)) {
    const empty = value === null || (Array.isArray(value) && value.length === 0);
    if (empty && name !== "examples") delete body[name];
  }
  return body;
}

/** How many restrictions apply. */
export function countFilters(filters) {
  return (
    filters.cameras.length +
    filters.sources.length +
    filters.exclude_flags.length +
    [filters.after, filters.before].filter(Boolean).length +
    [filters.since_s, filters.until_s, filters.min_score].filter((v) => v !== null).length
  );
}

/** The question alone, as an address: without marks that were not used yet, and without what is open beside it. */
export function questionAddress(state) {
  return toAddress({ ...state, view: "search", show: "matches", marks: noMarks(), pick: null, scene: null });
}
