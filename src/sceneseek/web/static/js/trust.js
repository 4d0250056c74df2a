/** How far to trust a match: a bar of five steps, a word, and how often a stranger scores this high. */

import { h } from "./dom.js";
import { expectedWords, rateWords, strength, strengthWord } from "./words.js";

/** The bar with its word; the steps are counted, not coloured. */
export function trustBar(rate) {
  const steps = strength(rate);
  const word = strengthWord(steps);
  return h(
    "span",
    { class: "trust", role: "img", "aria-label": `Resemblance ${word}: ${steps ?? "unknown"} of 5. ${rateWords(rate)}.` },
    h("span", { class: "steps", "aria-hidden": "true" }, ...[1, 2, 3, 4, 5].map((step) => h("i", { class: steps !== null && step <= steps ? "on" : "" }))),
    h("span", { class: "word", "aria-hidden": "true" }, word),
  );
}

/** Bar, rate and what chance alone would bring, one below the other. */
export function trustFacts(match, searched) {
  const expected = expectedWords(match.false_match_rate, searched);
  return h(
    "div",
    { class: "trust-facts" },
    trustBar(match.false_match_rate),
    h("p", { class: "note", title: expected }, rateWords(match.false_match_rate)),
  );
}
