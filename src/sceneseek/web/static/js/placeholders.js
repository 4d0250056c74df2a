/** What stands where content is missing, still coming, or could not come. */

import { button, h, icon } from "./dom.js";

/** Nothing here, and what to do about it. */
export function empty(sign, title, words, ...actions) {
  return h("div", { class: "empty" }, icon(sign, "large"), h("h2", {}, title), h("p", {}, words), ...actions);
}

/** It is coming. */
export function loading(words) {
  return h(
    "div",
    { class: "empty", role: "status" },
    h("span", { class: "spinner", "aria-hidden": "true" }),
    h("p", {}, words),
  );
}

/** It could not come: why, and a way to try again. */
export function failed(title, problem, again) {
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    icon("warn"),
    h("strong", {}, title),
    h("p", {}, problem.words ?? problem.message ?? String(problem)),
    again ? button("Try again", { sign: "again", kind: "small", onclick: again }) : null,
  );
}
