/** Puts the page together: the bar, and the view that the address names. */

import { api, onTokenWanted } from "./api.js";
import { clearProblems, toast } from "./announce.js";
import { auditView } from "./audit.js";
import { startBar } from "./bar.js";
import { h, put } from "./dom.js";
import { earlierQuestions } from "./earlier.js";
import { filterPanel } from "./filters.js";
import { galleryView } from "./gallery.js";
import { indexingView } from "./indexing.js";
import { startKeys } from "./keys.js";
import { askForToken } from "./login.js";
import { picker } from "./picker.js";
import { failed, loading } from "./placeholders.js";
import { queryPanel } from "./query.js";
import { resultsPane } from "./results.js";
import { startScenes } from "./scene.js";
import { startScreen } from "./start.js";
import { addExample, ask, askedKey, askFromAddress, changed, on, refreshGallery, search, state } from "./state.js";
import { startTaking } from "./taking.js";

const TITLES = { search: "Search", gallery: "Gallery", index: "Add media", audit: "Audit" };
const PATIENCE_MS = 4000;
const main = document.getElementById("main");
let shown = "";
let answerScreen = null;
let leave = () => {};

/** Which screen the state asks for; the same word, the same screen. */
function screenName() {
  if (state.asked.view !== "search") return state.asked.view;
  if (state.coming) return "picking coming";
  if (state.asked.pick) return `picking ${state.asked.pick} ${state.pictures.has(state.asked.pick)}`;
  return state.asked.examples.length ? "results" : "start";
}

function show() {
  const name = screenName();
  if (name === shown) return;
  const first = shown === "";
  leave();
  leave = () => {};
  shown = name;
  main.className = name.split(" ")[0];
  put(main, screen(name));
  document.title = `${TITLES[state.asked.view]} · sceneseek`;
  if (first) return;
  clearProblems();
  scrollTo(0, 0);
  // Focus follows the screen, so that keys and screen readers begin where eyes do.
  (main.querySelector("h1") ?? main).focus({ preventScroll: true });
}

/** Query, filters and answer follow the state for as long as the page lives, so they are made once. */
function makeAnswerScreen() {
  const panels = [queryPanel(), filterPanel(), earlierQuestions()];
  const aside = h("aside", { "aria-label": "Query and filters" }, ...panels);
  return h("div", { class: "search-layout" }, aside, resultsPane());
}

function screen(name) {
  if (name === "gallery") return galleryView();
  if (name === "audit") return auditView();
  if (name === "index") {
    const indexing = indexingView();
    leave = indexing.left;
    return indexing.view;
  }
  if (name === "start") return startScreen();
  if (name === "results") {
    answerScreen ??= makeAnswerScreen();
    return answerScreen;
  }
  const picture = state.pictures.get(state.asked.pick);
  if (!picture) return waiting(`Looking for people in ${state.coming ?? "the picture"}…`);
  const again = state.asked.examples.length > 0;
  return picker(picture, {
    chosen: (example) => addExample(example),
    cancelled: () => ask({ pick: null }, { remember: true }),
    againWords: again ? "Back to the matches" : "Another picture",
  });
}

/** It is coming; who waits long is told what for. */
function waiting(words) {
  const place = loading(words);
  setTimeout(() => {
    if (place.isConnected)
      place.append(h("p", { class: "note" }, "The server looks at one picture after the other, and at yours in its turn."));
  }, PATIENCE_MS);
  return place;
}

/** Query pictures that are asked for and not known here; each is fetched once. */
const fetched = new Map();

/**
 * Query pictures named in the address are fetched anew; those that expired are left out, and that is said. Returns
 * whether any was.
 */
async function recallPictures() {
  const picked = state.asked.pick ? [{ query_id: state.asked.pick }] : [];
  const named = [...state.asked.examples, ...state.asked.counterExamples, ...picked].filter((one) => one.query_id);
  const missing = [...new Set(named.map((one) => one.query_id))].filter((id) => !state.pictures.has(id));
  if (!missing.length) return false;
  const known = state.pictures.size;
  const gone = new Set((await Promise.all(missing.map(recalled))).filter(Boolean));
  if (state.pictures.size > known) changed("asked");
  if (!gone.size || !missing.some((id) => isAsked(id))) return false;
  const kept = (list) => list.filter((one) => !gone.has(one.query_id));
  ask({
    examples: kept(state.asked.examples),
    counterExamples: kept(state.asked.counterExamples),
    pick: gone.has(state.asked.pick) ? null : state.asked.pick,
  });
  toast("A query picture is no longer kept by the server. Choose it again.", "clock");
  return true;
}

/** Fetch one; its id when the server does not keep it any more, else null. */
function recalled(id) {
  if (!fetched.has(id)) {
    const keep = (picture) => {
      state.pictures.set(id, picture);
      return null;
    };
    const lose = (problem) => (problem.status === 404 ? id : null);
    fetched.set(
      id,
      api.queryPeople(id).then(keep, lose).finally(() => fetched.delete(id)),
    );
  }
  return fetched.get(id);
}

function isAsked(id) {
  const { examples, counterExamples, pick } = state.asked;
  return pick === id || [...examples, ...counterExamples].some((one) => one.query_id === id);
}

async function begin() {
  try {
    await refreshGallery();
  } catch (problem) {
    if (problem.status === 401) return;
    shown = "failed";
    put(main, h("div", { class: "page" }, failed("The gallery cannot be reached", problem, begin)));
    return;
  }
  shown = "";
  await recallPictures();
  show();
  on("asked picking answer", show);
  on("asked", async () => {
    if (await recallPictures()) search();
  });
  startScenes();
  if (state.asked.examples.length) search();
}

put(main, loading("Opening the gallery…"));
onTokenWanted(() => askForToken(() => (shown === "" || shown === "failed" ? begin() : location.reload())));
startBar(document.getElementById("bar"));
startTaking();
startKeys();
addEventListener("popstate", async () => {
  const before = askedKey();
  askFromAddress();
  await recallPictures();
  if (askedKey() !== before) search();
});
begin();
