/** How far to trust a match: a bar of five steps, a word, and how often a stranger scores this high. */

import { h } from "./dom.js";
import { expectedWords, rateShort, rateWords, strength, strengthWord } from "./words.js";

/** The bar with its word; the steps are counted, not coloured. */
export function trustBar(rate) {
  const steps = strength(rate);
  const word = strengthWord(steps);
  return h(
    "span",
    {
      class: "trust",
      role: "img",
      "aria-label": `Resemblance ${word}: ${steps ?? "unknown"} of 5. ${rateWords(rate)}.`,
    },
    h(
      "span",
      { class: "steps", "aria-hidden": "true" },
      ...[1, 2, 3, 4, 5].map((step) => h("i", { class: steps !== null && step <= steps ? "on" : "" })),
    ),
    h("span", { class: "word", "aria-hidden": "true" }, word),
  );
}

/** Bar and rate, one below the other, as a card has room for. */
export function trustFacts(match, searched) {
  // Where nothing is known for the whole gallery it is said once, above the matches, and not on every card.
  if (match.false_match_rate === null || match.false_match_rate === undefined) return null;
  const expected = expectedWords(match.false_match_rate, searched);
  return h(
    "div",
    { class: "trust-facts" },
    trustBar(match.false_match_rate),
    h(
      "p",
      { class: "note", title: `${rateWords(match.false_match_rate)}. ${expected}.` },
      rateShort(match.false_match_rate),
    ),
  );
}

/** The same with room for words: what chance alone would bring is said in full. */
export function trustStory(match, searched) {
  if (match.false_match_rate === null || match.false_match_rate === undefined)
    return h("p", { class: "note soft" }, `${rateWords(null)}.`);
  return h(
    "div",
    { class: "trust-facts" },
    trustBar(match.false_match_rate),
    h("p", { class: "note" }, `${rateWords(match.false_match_rate)}.`),
    h("p", { class: "note" }, `${expectedWords(match.false_match_rate, searched)}.`),
  );
}
