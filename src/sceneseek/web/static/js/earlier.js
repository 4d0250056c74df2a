/** Questions of this session, to go back to: kept by this browser tab alone, by names, never by pictures. */

import { countFilters, exampleKey, fromAddress, questionAddress } from "./address.js";
import { exampleCrop } from "./crops.js";
import { button, h, icon, put } from "./dom.js";
import { askAgain, on, state } from "./state.js";
import { counted, timeOfDay } from "./words.js";

const KEY = "sceneseek.earlier";
const MOST = 20;

/** A list with a question put first; one that is in it already moves there. Pure. */
export function withQuestion(list, entry, most = MOST) {
  return [entry, ...list.filter((other) => other.address !== entry.address)].slice(0, most);
}

/** What a question asks, in few words. Pure. */
export function questionWords(address) {
  const { examples, counterExamples, filters, ranking } = fromAddress(address);
  const number = countFilters(filters);
  return [
    counted(examples.length, "example"),
    counterExamples.length && `${counterExamples.length} marked wrong`,
    number && counted(number, "filter"),
    ranking.rerank && "re-ranked",
  ]
    .filter(Boolean)
    .join(", ");
}

function read() {
  try {
    const list = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((entry) => typeof entry?.address === "string") : [];
  } catch {
    return [];
  }
}

function write(list) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Storage may be forbidden; the list then lasts as long as the page.
  }
}

/** Forget all of them, as when somebody logs out. */
export function forgetEarlier() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}

/** The panel with them, kept up to date; not there while there is only the present question. */
export function earlierQuestions() {
  let list = read();
  let noted = null;
  const items = h("ol", { class: "earlier" });
  const panel = h(
    "details",
    { class: "panel folding", hidden: true },
    h("summary", {}, icon("clock"), h("h2", {}, "Earlier questions"), h("span", { class: "spring" }), icon("down", "small")),
    h("div", { class: "inside" }, items),
    h("div", { class: "inside foot" }, button("Clear the list", { kind: "quiet small", onclick: clear })),
  );

  function clear() {
    list = [];
    write(list);
    show();
  }

  function note() {
    const { answer } = state;
    if (answer.status !== "ready" || answer === noted) return;
    noted = answer;
    const found = answer.ranking.matches.length;
    list = withQuestion(list, { address: questionAddress(state.asked), at: Date.now(), found });
    write(list);
    show();
  }

  function show() {
    const here = questionAddress(state.asked);
    const others = list.filter((entry) => entry.address !== here);
    panel.hidden = !others.length;
    put(items, ...others.map(item));
  }

  on("answer", note);
  on("asked", show);
  show();
  return panel;
}

/** The picture of an example; a sign for a query picture that was not fetched since the page was loaded. */
function crop(example) {
  const unknown = example.query_id && !state.pictures.has(example.query_id);
  return unknown ? icon("person") : exampleCrop(example, "");
}

function item({ address, at, found }) {
  const { examples } = fromAddress(address);
  return h(
    "li",
    { data: { address } },
    h(
      "button",
      { type: "button", class: "earlier-open", onclick: () => askAgain(address) },
      h("span", { class: "portrait", data: { key: exampleKey(examples[0]) } }, crop(examples[0])),
      h(
        "span",
        { class: "note" },
        h("b", {}, questionWords(address)),
        h("span", { class: "soft" }, `${timeOfDay(new Date(at)).slice(0, 5)}, ${counted(found, "match", "matches")}`),
      ),
    ),
  );
}
