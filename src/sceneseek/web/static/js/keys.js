/** Keys that work on the whole page; none is taken away from a field, a dialog or the browser. */

import { openHelp } from "./help.js";
import { markMatch, undoLast } from "./matches.js";
import { openExport } from "./report.js";
import { openScene } from "./scene.js";
import { ask, isStale, searchAgain, state } from "./state.js";
import { choosePicture } from "./taking.js";

/** Listen. */
export function startKeys() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    if (event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    const undoes = (event.ctrlKey || event.metaKey) && event.key === "z";
    if ((event.ctrlKey || event.metaKey) && !undoes) return;
    const action =
      { "?": openHelp, "/": choosePicture, g: () => ask({ view: "gallery" }, { remember: true }) }[event.key] ??
      amongMatches(event);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function amongMatches(event) {
  const among = state.asked.view === "search" && !state.coming && !state.asked.pick;
  const matches = among ? (state.answer.ranking?.matches ?? []) : [];
  if (!matches.length) return null;
  const match = matches[state.current];
  const inCard = document.activeElement?.closest?.(".match");
  return {
    j: () => walk(inCard ? 1 : 0, matches.length),
    k: () => walk(inCard ? -1 : 0, matches.length),
    r: match && (() => markMatch(match, "right")),
    w: match && (() => markMatch(match, "wrong")),
    Enter: document.activeElement === inCard && inCard && (() => openScene(match.detection_id)),
    s: isStale() && searchAgain,
    u: undoLast,
    z: event.ctrlKey || event.metaKey ? undoLast : null,
    x: () => openExport(state.answer.ranking),
  }[event.key];
}

function walk(by, count) {
  state.current = Math.min(count - 1, Math.max(0, state.current + by));
  const card = document.getElementById(`match-${state.current}`);
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}
