/** The door: a token is asked for where the server wants one. */

import { api } from "./api.js";
import { freshId, h, icon, put } from "./dom.js";

let asking = null;

/** Ask for a token, once however many requests were refused; `entered()` is called when it was accepted. */
export function askForToken(entered) {
  if (asking) return;
  const id = freshId("token");
  const problem = h("p", { class: "note problem", role: "alert" });
  const input = h("input", {
    id,
    type: "password",
    name: "token",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
  });
  const enter = h("button", { type: "submit", class: "button primary" }, icon("key"), "Log in");
  const form = h(
    "form",
    {},
    h("div", { class: "login-mark" }, icon("mark", "large")),
    h("h2", { id: "login-title" }, "This gallery asks for a token"),
    h(
      "p",
      { class: "soft" },
      "Whoever runs this server gives it to you. What you may see and do depends on it, ",
      "and what you do is logged under its name.",
    ),
    h("div", { class: "field" }, h("label", { for: id }, "Token"), input),
    problem,
    enter,
  );
  asking = h("dialog", { class: "login", "aria-labelledby": "login-title" }, form);
  asking.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    enter.disabled = true;
    put(problem);
    try {
      await api.login(input.value.trim());
      asking.close();
      asking.remove();
      asking = null;
      entered();
    } catch (refused) {
      put(problem, refused.words);
      input.select();
    }
    enter.disabled = false;
  });
  document.body.append(asking);
  asking.showModal();
  input.focus();
}
