/** How far to trust a match: the server's words, and a bar of five steps for how rare it is that a stranger scores as high. */

import { h } from "./dom.js";

/** The standing in one word, with the bar; the steps are counted, not coloured. */
export function trustBar({ standing, words }) {
  const { steps } = words;
  return h(
    "span",
    {
      class: `trust ${standing ?? ""}`.trim(),
      role: "img",
      "aria-label": `${words.standing}. ${words.rate}: ${steps ?? "unknown"} of 5 steps.`,
    },
    steps === null
      ? null
      : h(
          "span",
          { class: "steps", "aria-hidden": "true" },
          ...[1, 2, 3, 4, 5].map((step) => h("i", { class: step <= steps ? "on" : "" })),
        ),
    h("b", { class: "word", "aria-hidden": "true" }, words.standing),
  );
}

/** Word and rate, one below the other, as a card has room for. */
export function trustFacts(match) {
  const { words } = match;
  // Where no rate is known in the whole gallery it is said once, above the matches, and not on every card.
  const short = words.steps === null ? words.others : words.short_rate;
  return h(
    "div",
    { class: "trust-facts" },
    trustBar(match),
    short ? h("p", { class: "note", title: story(words).join(". ") }, short) : null,
  );
}

/** The same with room for words: rate, where it comes from, and how many others are expected. */
export function trustStory(match) {
  return h(
    "div",
    { class: "trust-facts" },
    trustBar(match),
    ...story(match.words).map((text) => h("p", { class: "note" }, `${text}.`)),
  );
}

function story({ rate, basis, others, evidence }) {
  return [others, `${rate}: ${basis}`, evidence].filter(Boolean).map((text) => text[0].toUpperCase() + text.slice(1));
}
