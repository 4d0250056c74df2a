/** Pages of a long list. */

import { button, h, put } from "./dom.js";

/** A place for the pager; `show(page)` fills it after each answer, `go(number)` is called for another page. */
export function pager(words, go) {
  const place = h("nav", { class: "pager", "aria-label": words });
  function show({ total, page, per_page }) {
    const pages = Math.max(1, Math.ceil(total / per_page));
    const step = (sign, label, to) =>
      button("", { sign, label, kind: "small", disabled: to < 1 || to > pages, onclick: () => go(to) });
    const where = h("span", { class: "note soft" }, `${page} of ${pages}`);
    put(
      place,
      ...(pages > 1 ? [step("left", "Page before", page - 1), where, step("right", "Next page", page + 1)] : []),
    );
  }
  return { place, show };
}
