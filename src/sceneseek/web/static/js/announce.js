/** What happened, said to everybody: a passing message to see, and a live region to hear. */

import { h, icon } from "./dom.js";

const SHOWN_MS = 6000;

/** Tell screen readers alone, for what sighted people see anyway. */
export function announce(words) {
  const region = document.getElementById("announcer");
  // The same words twice are read once: clear first, and write when the clearing has been noticed.
  region.textContent = "";
  setTimeout(() => {
    region.textContent = words;
  }, 60);
}

/** Show a passing message. One about a problem also goes when its cause is gone, see `clearProblems`. */
export function toast(words, sign = "info") {
  const message = h("div", { class: "toast", data: { problem: sign === "warn" } }, icon(sign), h("span", {}, words));
  const region = document.getElementById("toasts");
  // An open dialog lies above everything but what is put above it in turn.
  if (region.showPopover) {
    region.popover = "manual";
    if (region.matches(":popover-open")) region.hidePopover();
    region.showPopover();
  }
  region.append(message);
  setTimeout(() => take(message), SHOWN_MS);
}

/** Take messages about problems away: what was asked for has come, or something else is shown now. */
export function clearProblems() {
  for (const message of document.querySelectorAll('#toasts [data-problem="true"]')) take(message);
}

function take(message) {
  const region = document.getElementById("toasts");
  message.remove();
  if (!region.children.length && region.hidePopover && region.matches(":popover-open")) region.hidePopover();
}

/** Show a refusal of the server, or a fault of ours, as a passing message. */
export function sayProblem(problem) {
  toast(problem.words ?? problem.message ?? String(problem), "warn");
}
