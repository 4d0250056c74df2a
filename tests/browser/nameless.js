// Whatever can be pressed or filled in and has no name for those who do not see it; pictures without a text.
(() =>
  [...document.querySelectorAll("button, a[href], input, select, textarea, [role=button], dialog, img, summary")]
    .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden=true]"))
    .filter((element) => {
      if (element.tagName === "IMG") return !element.hasAttribute("alt");
      const labelled = (element.getAttribute("aria-labelledby") ?? "")
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent ?? "")
        .join("");
      const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
      return !(element.getAttribute("aria-label") || labelled || labels || element.textContent).trim();
    })
    .map((element) => element.outerHTML.slice(0, 120)))();
