/** A field for a time, the same in every country: written, or chosen from the browser's calendar. */

import { DATE_HINT, momentText, readMoment } from "./dates.js";
import { button, freshId, h } from "./dom.js";

/**
 * Make the field. `changed(local)` is told of each new time, `YYYY-MM-DDTHH:MM:SS` or "" for none.
 *
 * Returns `{element, value}`; `value` is null while what is written is not a time.
 */
export function momentField(words, { value = "", endOfDay = false, changed = () => {}, data = {} } = {}) {
  const [id, said] = [freshId("moment"), freshId("moment-said")];
  const text = h("input", {
    id,
    type: "text",
    class: "moment",
    value: momentText(value),
    placeholder: DATE_HINT,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": said,
    data,
  });
  const native = h("input", { type: "datetime-local", step: "1", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const trouble = h("p", { id: said, class: "hint problem" });
  let now = value;

  function take() {
    now = readMoment(text.value, endOfDay);
    text.setAttribute("aria-invalid", String(now === null));
    trouble.textContent = now === null ? `Not a time. Write it as ${DATE_HINT}.` : "";
    if (now === null) return;
    text.value = momentText(now);
    changed(now);
  }

  text.addEventListener("change", take);
  native.addEventListener("change", () => {
    text.value = native.value;
    take();
  });
  const choose = button("", {
    sign: "calendar",
    kind: "quiet small",
    label: "Open the calendar",
    onclick: () => {
      native.value = now ?? "";
      native.showPicker?.();
    },
  });
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: id }, words),
    h("span", { class: "with-button" }, text, choose, native),
    trouble,
  );
  return {
    element,
    get value() {
      return readMoment(text.value, endOfDay);
    },
  };
}
