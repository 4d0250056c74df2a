/** Forgetting: say what, see what it would take, agree, and be shown the proof. For keepers. */

import { api } from "./api.js";
import { momentField } from "./date-field.js";
import { openDialog } from "./dialogs.js";
import { thumbnail } from "./crops.js";
import { button, freshId, h, icon, put } from "./dom.js";
import { failed } from "./placeholders.js";
import { refreshGallery, search, state } from "./state.js";
import { counted, fileName } from "./words.js";

const LIKE_FROM = 0.7;

/**
 * Ask what to forget. `about` may hold a `person` with its `frame`, or a `medium`; else it is a time span and cameras.
 * `done()` is called when something was forgotten.
 */
export function openForget(about = {}, done = () => {}) {
  openDialog("Forget", (body, close) => {
    const choices = scopes(about);
    let scope = choices[0];
    const preview = h("div", { class: "preview", role: "status" });
    const reason = h("input", {
      type: "text",
      id: freshId("reason"),
      maxlength: "500",
      placeholder: "optional, kept in the audit log",
    });
    const mayReturn = h("input", { type: "checkbox" });
    const fields = h("div", { class: "stack" });
    const look = button("See what this would remove", { sign: "search", kind: "primary" });
    const radios = choices.map((choice, at) =>
      h(
        "label",
        { class: "check choice" },
        h("input", { type: "radio", name: "scope", checked: at === 0, onchange: () => choose(choice) }),
        h("span", {}, h("b", {}, choice.words), h("span", { class: "soft" }, ` ${choice.about}`)),
      ),
    );

    function choose(choice) {
      scope = choice;
      put(fields, ...(choice.fields ?? []));
      refresh();
    }

    /** What was shown no longer holds once anything about the request changes. */
    function refresh() {
      put(preview);
      look.hidden = false;
    }

    async function rehearse() {
      const request = scope.request();
      if (!request) {
        put(preview, failed("Nothing was chosen", { message: "Give a time, or at least one camera." }));
        return;
      }
      look.disabled = true;
      put(preview, h("span", { class: "spinner" }), " Looking…");
      try {
        Object.assign(request, { reason: reason.value.trim(), may_return: mayReturn.checked });
        const answer = await api.forget({ ...request, dry_run: true });
        showPreview(answer, request);
      } catch (problem) {
        put(preview, failed("This could not be looked up", problem, rehearse));
      }
      look.disabled = false;
    }

    function showPreview(answer, request) {
      if (!answer.num_people && !answer.num_media) {
        put(
          preview,
          h(
            "div",
            { class: "notice" },
            icon("info"),
            h("strong", {}, "Nothing would be removed"),
            h("p", {}, "The gallery holds nothing of this kind."),
          ),
        );
        return;
      }
      const agree = h("input", { type: "checkbox" });
      const go = button(`Forget ${counted(answer.num_people, "detection")}`, {
        sign: "bin",
        kind: "danger",
        disabled: true,
      });
      agree.addEventListener("change", () => {
        go.disabled = !agree.checked;
      });
      go.addEventListener("click", () => carryOut(request, go));
      look.hidden = true;
      put(
        preview,
        h(
          "div",
          { class: "notice warn" },
          icon("warn"),
          h("strong", {}, `This would remove ${took(answer)}`),
          h(
            "p",
            {},
            "Vectors, thumbnails and index entries are removed and the gallery is compacted. ",
            "The original files on disk are not touched.",
          ),
        ),
        answer.examples.length
          ? h(
              "ul",
              { class: "crops" },
              ...answer.examples
                .slice(0, 8)
                .map((person) =>
                  h(
                    "li",
                    { class: "portrait" },
                    thumbnail(person.detection_id, `One of those who would be forgotten, in ${person.name}`),
                  ),
                ),
            )
          : null,
        h("label", { class: "check" }, agree, h("span", {}, "I understand that this cannot be undone")),
        h("div", { class: "actions end" }, button("Cancel", { kind: "quiet", onclick: close }), go),
      );
      agree.focus();
    }

    async function carryOut(request, go) {
      go.disabled = true;
      put(go, h("span", { class: "spinner" }), "Forgetting…");
      try {
        const answer = await api.forget({ ...request, dry_run: false });
        put(
          body,
          answer.proven === false
            ? h(
                "div",
                { class: "notice bad", role: "alert" },
                icon("warn"),
                h("strong", {}, `Removed ${took(answer)}, but copies may remain`),
                h("p", {}, answer.proof),
              )
            : h(
                "div",
                { class: "notice", role: "status" },
                icon("check"),
                h("strong", {}, `Forgot ${took(answer)}`),
                h("p", {}, answer.proof),
              ),
          h("div", { class: "actions end" }, button("Close", { kind: "primary", onclick: close })),
        );
        body.querySelector(".primary").focus();
        done();
        refreshGallery().catch(() => {});
        if (state.asked.examples.length) search();
      } catch (problem) {
        put(preview, failed("It was not forgotten", problem, rehearse));
        look.hidden = false;
      }
    }

    look.addEventListener("click", rehearse);
    for (const part of [fields, reason, mayReturn]) part.addEventListener("change", refresh);
    choose(scope);
    put(
      body,
      h("p", { class: "soft" }, "Nothing is removed before you have seen what it is."),
      choices.length > 1
        ? h("fieldset", { class: "field" }, h("legend", {}, "What"), ...radios)
        : h("p", {}, h("b", {}, scope.words), ` ${scope.about}`),
      fields,
      h("div", { class: "field" }, h("label", { for: reason.id }, "Why"), reason),
      h("label", { class: "check" }, mayReturn, h("span", {}, "Allow these people to be found again when the files are indexed again")),
      h("div", { class: "actions" }, look),
      preview,
    );
  });
}

function took(answer) {
  const parts = [counted(answer.num_people, "detection")];
  if (answer.num_sightings) parts.push(counted(answer.num_sightings, "sighting"));
  if (answer.num_media) parts.push(counted(answer.num_media, "whole file"));
  return parts.join(", ");
}

function scopes({ person, medium, frame }) {
  const mediaKey = medium?.media_key ?? frame?.media_key;
  const name = medium?.name ?? frame?.name ?? (frame ? fileName(frame.source) : "");
  const found = [];
  if (person) {
    if (person.tracklet_id)
      found.push({
        words: "This sighting",
        about: "the person in all frames of this unbroken view",
        request: () => ({ tracklet_ids: [person.tracklet_id] }),
      });
    found.push({
      words: "This view",
      about: "the person in this one frame",
      request: () => ({ detection_ids: [person.detection_id] }),
    });
    const least = h("input", {
      type: "number",
      min: "-1",
      max: "1",
      step: "0.01",
      value: LIKE_FROM,
      id: freshId("least"),
    });
    found.push({
      words: "Everybody who looks like this",
      about: "from a similarity you choose; strangers in similar clothes may be among them",
      fields: [h("div", { class: "field" }, h("label", { for: least.id }, "Similarity at least"), least)],
      request: () => ({ like: { detection_id: person.detection_id }, min_similarity: Number(least.value) }),
    });
  }
  if (mediaKey) found.push({ words: "The whole file", about: name, request: () => ({ media_keys: [mediaKey] }) });
  if (!person && !medium) found.push(timeSpan());
  return found;
}

function timeSpan() {
  const after = momentField("From");
  const before = momentField("To", { endOfDay: true });
  const cameras = (state.gallery?.cameras ?? []).map(({ camera_id }) =>
    h("input", { type: "checkbox", value: camera_id }),
  );
  const utc = (field) => (field.value ? new Date(field.value).toISOString() : undefined);
  return {
    words: "A time and a camera",
    about: "everything taken within a time span, by the cameras you choose (none chosen: by all)",
    fields: [
      h(
        "div",
        { class: "pair" },
        after.element,
        before.element,
      ),
      cameras.length
        ? h(
            "fieldset",
            { class: "field" },
            h("legend", {}, "Cameras"),
            ...cameras.map((input) =>
              h("label", { class: "check" }, input, h("span", {}, input.value || "no named camera")),
            ),
          )
        : null,
    ].filter(Boolean),
    request() {
      // A time that cannot be read must not widen what is forgotten.
      if (after.value === null || before.value === null) return null;
      const chosen = cameras.filter((input) => input.checked).map((input) => input.value);
      const request = { after: utc(after), before: utc(before), cameras: chosen.length ? chosen : undefined };
      return Object.values(request).some((value) => value !== undefined) ? request : null;
    },
  };
}
