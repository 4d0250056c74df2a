/** How a picture gets in: chosen, dropped anywhere on the page, or pasted. */

import { api } from "./api.js";
import { announce, sayProblem, toast } from "./announce.js";
import { h } from "./dom.js";
import { ask, changed, pickFrom, state } from "./state.js";
import { counted } from "./words.js";

/** Hand a picture over and go on to choosing a person in it. */
export async function takePicture(file) {
  if (!file) return;
  if (file.type && !file.type.startsWith("image/")) {
    toast(
      `${file.name || "That"} is not a picture. Videos are searched after they were added under Add media.`,
      "warn",
    );
    return;
  }
  state.coming = file.name || "the picture";
  if (state.asked.view !== "search") ask({ view: "search", scene: null }, { remember: true });
  changed("picking");
  try {
    const answer = await api.query(file);
    state.pictures.set(answer.query_id, { ...answer, name: file.name ?? "" });
    pickFrom(answer.query_id);
    announce(
      answer.people.length
        ? `${counted(answer.people.length, "person", "people")} found. Choose whom you look for.`
        : "Nobody was found. Draw a box around the person.",
    );
  } catch (problem) {
    state.coming = null;
    changed("picking");
    sayProblem(problem);
  }
}

const chooser = h("input", {
  type: "file",
  // Not every system knows that HEIC, the format of iPhones, is a picture.
  accept: "image/*,.heic,.heif,.hif,.avif",
  class: "unseen",
  tabindex: "-1",
  "aria-hidden": "true",
});
chooser.addEventListener("change", () => {
  takePicture(chooser.files[0]);
  // The same file chosen once more must be a change again.
  chooser.value = "";
});

/** Ask the system for a picture. */
export function choosePicture() {
  chooser.click();
}

/** Take pictures dropped on, or pasted into, the page. */
export function startTaking() {
  document.body.append(chooser);
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const dropsHere = (event) =>
    carriesFiles(event) && !event.target.closest?.("[data-drop]") && state.asked.view !== "index";
  const show = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", (event) => {
    if (!dropsHere(event)) return;
    depth += 1;
    show(true);
  });
  addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (!depth) show(false);
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    if (!dropsHere(event)) return;
    const { files } = event.dataTransfer;
    if (files.length > 1) toast(`One picture at a time: ${files[0].name} was taken, the other ${files.length - 1} not.`);
    takePicture(files[0]);
  });
  addEventListener("paste", (event) => {
    const picture = [...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/"));
    if (!picture) return;
    event.preventDefault();
    takePicture(picture);
  });
}
