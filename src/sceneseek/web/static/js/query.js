/** Who is looked for: the examples and counter-examples, beside the answer. */

import { exampleKey } from "./address.js";
import { exampleCrop } from "./crops.js";
import { button, h, icon, put } from "./dom.js";
import { ask, dropExample, on, pickFrom, startOver, state } from "./state.js";
import { choosePicture } from "./taking.js";
import { counted } from "./words.js";

/** The panel, kept up to date. */
export function queryPanel() {
  const people = h("ul", { class: "examples" });
  const said = h("p", { class: "note soft" });
  const panel = h(
    "section",
    { class: "panel query", "aria-labelledby": "query-title" },
    h(
      "header",
      {},
      h("h2", { id: "query-title" }, "Looking for"),
      button("Start over", { kind: "quiet small", onclick: startOver }),
    ),
    h(
      "div",
      { class: "inside" },
      people,
      said,
      h(
        "div",
        { class: "actions" },
        button("Add a picture", { sign: "plus", kind: "small", onclick: choosePicture }),
        button("From the gallery", {
          sign: "gallery",
          kind: "small",
          onclick: () => ask({ view: "gallery" }, { remember: true }),
        }),
      ),
    ),
  );

  function example(one, isCounter) {
    const words = isCounter ? "Counter-example: not this person" : "Example of the person";
    const picture = state.pictures.get(one.query_id);
    return h(
      "li",
      { class: isCounter ? "example counter" : "example", data: { key: exampleKey(one) } },
      picture
        ? h(
            "button",
            {
              type: "button",
              class: "portrait",
              "aria-label": `${words}. Choose another person in this picture`,
              title: "Choose another person in this picture",
              onclick: () => pickFrom(one.query_id, one),
            },
            exampleCrop(one, words),
          )
        : h("div", { class: "portrait" }, exampleCrop(one, words)),
      h(
        "span",
        { class: `verdict ${isCounter ? "wrong" : "right"}`, title: words },
        icon(isCounter ? "cross" : "check", "small"),
      ),
      button("", {
        sign: "cross",
        kind: "small drop",
        label: `Remove this ${isCounter ? "counter-example" : "example"}`,
        onclick: () => dropExample(one),
      }),
    );
  }

  function show() {
    const { examples, counterExamples } = state.asked;
    put(people, ...examples.map((one) => example(one, false)), ...counterExamples.map((one) => example(one, true)));
    const against = counterExamples.length ? `, against ${counted(counterExamples.length, "counter-example")}` : "";
    put(
      said,
      examples.length > 1 || against
        ? `${counted(examples.length, "example")} combined${against}.`
        : "More pictures of the same person make the search better.",
    );
  }

  on("asked answer picking", show);
  show();
  return panel;
}
