/** Which camera took what, said or corrected after indexing. For operators. */

import { api } from "./api.js";
import { toast } from "./announce.js";
import { openDialog } from "./dialogs.js";
import { button, freshId, h, put } from "./dom.js";
import { failed } from "./placeholders.js";
import { refreshGallery, state } from "./state.js";
import { counted } from "./words.js";

/**
 * Ask what a camera is called. `about` holds a `camera` to be renamed (empty for no camera), or `keys` of files to be
 * given to one; `done()` is called afterwards.
 */
export function openNaming(about, done) {
  const renames = about.keys === undefined;
  const title = !renames ? "Name the camera" : about.camera ? "Rename the camera" : "Name the camera of these files";
  openDialog(title, (body, close) => {
    const [id, list] = [freshId("camera"), freshId("cameras")];
    const known = (state.gallery?.cameras ?? []).map((camera) => camera.camera_id).filter(Boolean);
    const input = h("input", { id, list, type: "text", value: about.camera ?? "", maxlength: "200", spellcheck: "false" });
    const problem = h("div", {});
    const save = h("button", { type: "submit", class: "button primary" }, "Save");
    const form = h(
      "form",
      { class: "stack" },
      h("p", { class: "soft" }, explained(about, renames)),
      h(
        "div",
        { class: "field" },
        h("label", { for: id }, "Camera"),
        input,
        h("datalist", { id: list }, ...known.map((name) => h("option", { value: name }))),
        h("p", { class: "hint" }, "Empty for no camera. A name that exists already then holds both."),
      ),
      problem,
      h("div", { class: "actions end" }, button("Cancel", { kind: "quiet", onclick: close }), save),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      save.disabled = true;
      put(problem);
      try {
        const asked = renames ? { camera: about.camera } : { media_keys: about.keys };
        const { num_media } = await api.nameCamera({ name: input.value.trim(), ...asked });
        close();
        toast(`The camera of ${counted(num_media, "file")} was changed.`, "check");
        await refreshGallery();
        done();
      } catch (refused) {
        put(problem, failed("The camera was not changed", refused));
      }
      save.disabled = false;
    });
    put(body, form);
    input.select();
  });
}

function explained({ camera, keys }, renames) {
  if (!renames) return `For ${counted(keys.length, "file")}, and everybody seen in ${keys.length === 1 ? "it" : "them"}.`;
  return camera ? `For everything that "${camera}" saw.` : "For everything that was seen by no named camera.";
}
