/** An answer as a file to hand on. */

import { api } from "./api.js";
import { toast } from "./announce.js";
import { openDialog } from "./dialogs.js";
import { button, h, put } from "./dom.js";
import { failed } from "./placeholders.js";
import { withReason } from "./reason.js";
import { markOf, may, state } from "./state.js";
import { counted } from "./words.js";

const FORMATS = [
  { format: "html", words: "Web page", about: "One file with all pictures inside" },
  { format: "pdf", words: "PDF", about: "For printing and for files" },
  { format: "csv", words: "Table (CSV)", about: "Numbers alone, no pictures" },
];

/** Ask what to export, and save it. */
export function openExport(ranking) {
  // What is seen is what is written: the question behind the answer shown, not marks that were not used yet.
  const { question } = state.answer;
  const marked = ranking.matches.map((match) => match.detection_id).filter((id) => markOf(id) === "right");
  openDialog("Export a report", (body, close) => {
    const choose = (name, value, words, about, checked, disabled = false) =>
      h(
        "label",
        { class: "check choice" },
        h("input", { type: "radio", name, value, checked, disabled }),
        h("span", {}, h("b", {}, words), about ? h("span", { class: "soft" }, ` ${about}`) : null),
      );
    const blur = h("input", { type: "checkbox", checked: true });
    const problem = h("div", {});
    const form = h(
      "form",
      { method: "dialog", class: "stack" },
      h(
        "fieldset",
        { class: "field" },
        h("legend", {}, "Format"),
        ...FORMATS.filter(({ format }) => state.gallery?.report_formats.includes(format) ?? true).map(
          ({ format, words, about }, at) => choose("format", format, words, about, at === 0),
        ),
      ),
      h(
        "fieldset",
        { class: "field" },
        h("legend", {}, "Matches"),
        choose("which", "all", `All ${ranking.matches.length}`, "as ranked now", !marked.length),
        choose(
          "which",
          "marked",
          "Marked right",
          marked.length ? `(${marked.length})` : "(none yet)",
          marked.length > 0,
          !marked.length,
        ),
      ),
      h("label", { class: "check" }, blur, h("span", {}, "Blur everybody but the match")),
      h(
        "p",
        { class: "note faint" },
        "The report carries pictures of people and says that a match is a resemblance. ",
        "The export is written to the audit log.",
      ),
      may("operator")
        ? null
        : h("p", { class: "note soft" }, "Your role may look, not export: the server will refuse."),
      problem,
    );
    const save = button("Save", { sign: "export", kind: "primary" });
    save.addEventListener("click", async () => {
      const data = new FormData(form);
      const request = { search: withReason(question), format: data.get("format"), blur: blur.checked };
      if (data.get("which") === "marked") request.detection_ids = marked;
      save.disabled = true;
      put(
        problem,
        h(
          "p",
          { class: "note soft", role: "status" },
          `Writing ${counted(request.detection_ids?.length ?? ranking.matches.length, "match", "matches")}…`,
        ),
      );
      try {
        const { blob, name } = await api.report(request);
        saveAs(blob, name);
        close();
        toast(`${name} was saved.`, "check");
      } catch (refused) {
        put(problem, failed("The report was not made", refused));
      }
      save.disabled = false;
    });
    put(body, form, h("div", { class: "actions end" }, button("Cancel", { kind: "quiet", onclick: close }), save));
  });
}

function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
