/** Why somebody searches: said once, sent with each search and report of this tab, shown in the audit log. */

import { freshId, h } from "./dom.js";
import { state } from "./state.js";

const KEY = "sceneseek-reason";

/** The reason as it was typed, without spaces around it. */
export function reason() {
  return (sessionStorage.getItem(KEY) ?? "").trim();
}

/** A question with the reason, where there is one. */
export function withReason(question) {
  return reason() ? { ...question, reason: reason() } : question;
}

/** The field in which it is said; `changed` is called when it was changed. */
export function reasonField(changed) {
  const id = freshId("reason");
  const required = state.gallery?.reasons ?? false;
  const input = h("input", {
    id,
    type: "text",
    maxlength: "400",
    required,
    placeholder: required ? "Required" : "Optional",
    value: sessionStorage.getItem(KEY) ?? "",
    data: { filter: "reason" },
  });
  input.addEventListener("change", () => {
    sessionStorage.setItem(KEY, input.value);
    changed();
  });
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, "Reason for the search"),
    input,
    h("p", { class: "hint" }, "Written into the audit log and into reports."),
  );
}
