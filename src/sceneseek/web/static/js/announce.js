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

/** Show a passing message. */
export function toast(words, sign = "info") {
  const message = h("div", { class: "toast" }, icon(sign), h("span", {}, words));
  const region = document.getElementById("toasts");
  // An open dialog lies above everything but what is put above it in turn.
  if (region.showPopover) {
    region.popover = "manual";
    if (region.matches(":popover-open")) region.hidePopover();
    region.showPopover();
  }
  region.append(message);
  setTimeout(() => {
    message.remove();
    if (!region.children.length && region.hidePopover && region.matches(":popover-open")) region.hidePopover();
  }, SHOWN_MS);
}

/** Show a refusal of the server, or a fault of ours, as a passing message. */
export function sayProblem(problem) {
  toast(problem.words ?? problem.message ?? String(problem), "warn");
}
