/** The bar at the top: where one is, what the gallery holds, and what is always at hand. */

import { api } from "./api.js";
import { sayProblem } from "./announce.js";
import { button, h, icon, put } from "./dom.js";
import { forgetEarlier } from "./earlier.js";
import { openHelp } from "./help.js";
import { ask, may, mediaCount, on, roleName, state } from "./state.js";
import { isDark, switchTheme } from "./theme.js";
import { counted } from "./words.js";

const PLACES = [
  { view: "search", words: "Search", sign: "search", role: "viewer" },
  { view: "gallery", words: "Gallery", sign: "gallery", role: "viewer" },
  { view: "index", words: "Add media", sign: "index", role: "operator" },
  { view: "audit", words: "Audit", sign: "audit", role: "keeper" },
];

/** Fill the bar and keep it up to date. */
export function startBar(bar) {
  const places = h("nav", { class: "places", "aria-label": "Main" });
  const holds = h("p", { class: "holds faint small" });
  const theme = button("", { sign: "moon", kind: "quiet", label: "Dark or light" });
  theme.addEventListener("click", () => {
    switchTheme();
    showTheme();
  });
  const leave = button("", { sign: "leave", kind: "quiet", label: "Log out", hidden: true, onclick: logOut });
  put(
    bar,
    h("a", { class: "brand", href: "./", "aria-label": "sceneseek, start" }, icon("mark"), h("span", {}, "sceneseek")),
    places,
    holds,
    h(
      "div",
      { class: "tools" },
      theme,
      button("", { sign: "help", kind: "quiet", label: "Help and keys (?)", onclick: openHelp }),
      leave,
    ),
  );

  function showTheme() {
    const words = isDark() ? "Light theme" : "Dark theme";
    theme.setAttribute("aria-label", words);
    theme.title = words;
    put(theme, icon(isDark() ? "sun" : "moon"));
  }

  function show() {
    put(
      places,
      ...PLACES.filter((place) => may(place.role)).map((place) =>
        h(
          "button",
          {
            type: "button",
            "aria-current": state.asked.view === place.view ? "page" : null,
            onclick: () => ask({ view: place.view, scene: null }, { remember: true }),
          },
          icon(place.sign),
          h("span", {}, place.words),
        ),
      ),
    );
    const gallery = state.gallery;
    put(
      holds,
      gallery ? `${counted(gallery.num_people, "detection")} · ${counted(mediaCount(gallery), "file")}` : "",
    );
    leave.hidden = !gallery?.caller.csrf;
    leave.title = `Log out (${roleName()})`;
  }

  async function logOut() {
    forgetEarlier();
    await api.logout().catch(sayProblem);
    location.assign("./");
  }

  showTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  on("asked gallery", show);
  show();
}
