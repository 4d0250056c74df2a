/** Who did what and when, for keepers. */

import { api } from "./api.js";
import { h, icon, put } from "./dom.js";
import { pager } from "./pager.js";
import { empty, failed, loading } from "./placeholders.js";
import { counted, grouped, moment } from "./words.js";

const PER_PAGE = 50;
const MOST_LISTED = 3;

/** The audit view. */
export function auditView() {
  const body = h("div", { class: "stack" }, loading("Reading the log…"));
  show(body, 1);
  return h(
    "div",
    { class: "page" },
    h(
      "header",
      { class: "headline" },
      h("h1", { tabindex: "-1" }, "Audit"),
      h(
        "p",
        { class: "soft" },
        "Every search, export, indexing and forgetting. Entries are chained by their digests: ",
        "one that is changed or removed leaves a mark.",
      ),
    ),
    body,
  );
}

async function show(body, number) {
  try {
    const page = await api.audit({ page: number, per_page: PER_PAGE });
    const pages = pager("Pages of the log", (to) => show(body, to));
    pages.show(page);
    put(
      body,
      page.intact
        ? h(
            "div",
            { class: "notice" },
            icon("check"),
            h("strong", {}, "The chain is intact"),
            h("p", {}, `${counted(page.total, "entry", "entries")}; none was changed or removed.`),
          )
        : h(
            "div",
            { class: "notice bad", role: "alert" },
            icon("warn"),
            h("strong", {}, "The log was changed after it was written"),
            h("p", {}, page.problem),
          ),
      page.entries.length
        ? table(page.entries)
        : empty(
            "audit",
            "Nothing was logged yet",
            "Searches and everything else that touches people's data will be listed here.",
          ),
      pages.place,
    );
  } catch (problem) {
    put(
      body,
      failed("The log could not be read", problem, () => show(body, number)),
    );
  }
}

function table(entries) {
  return h(
    "div",
    { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Entries, newest first" },
    h(
      "table",
      { class: "audit" },
      h("thead", {}, h("tr", {}, ...["When", "Who", "What", "Details"].map((name) => h("th", { scope: "col" }, name)))),
      h(
        "tbody",
        {},
        ...entries.map((entry) =>
          h(
            "tr",
            {},
            h("td", { class: "nowrap" }, moment(new Date(entry.at))),
            h("td", { class: "wrap" }, entry.who),
            h("td", {}, h("span", { class: "chip" }, entry.action)),
            h("td", { class: "wrap small soft" }, details(entry.details)),
          ),
        ),
      ),
    ),
  );
}

/** Nested details as one readable line; of a long list its number and its beginning, the rest stands in the log. */
function details(value) {
  if (Array.isArray(value)) {
    const shown = value.slice(0, MOST_LISTED).map(details).join(", ");
    return value.length > MOST_LISTED ? `${grouped(value.length)} (${shown}, …)` : shown;
  }
  if (value !== null && typeof value === "object") {
    return Object.entries(value)
      .map(([name, inner]) => `${name.replaceAll("_", " ")}: ${details(inner)}`)
      .join("; ");
  }
  const text = String(value);
  return text.replace(/(?<![0-9a-z])[0-9a-f]{40,}(?![0-9a-z])/g, (digest) => `${digest.slice(0, 12)}…`);
}
