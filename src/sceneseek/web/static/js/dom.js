/** Elements without strings of HTML: text of strangers (file and camera names) can never become markup. */

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && ["value", "checked", "disabled", "indeterminate"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** An HTML element: `h("p", {class: "soft"}, "text", child)`. `on…` adds a listener, `style` sets properties. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A sign from the sprite; it is decoration, so a word or a label always stands beside it. */
export function icon(name, size = "") {
  return s(
    "svg",
    { class: `icon ${size}`.trim(), "aria-hidden": "true" },
    s("use", { href: `static/icons.svg#${name}` }),
  );
}

/** A button with a sign and a word; `label` names it where there is no word. */
export function button(words, { sign, label, kind = "", ...rest } = {}) {
  return h(
    "button",
    {
      type: "button",
      class: `button ${kind}${words ? "" : " only"}`.trim(),
      "aria-label": label,
      title: words ? null : label,
      ...rest,
    },
    sign ? icon(sign, kind.includes("small") ? "small" : "") : null,
    words,
  );
}

/** Replace what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

let numbered = 0;
/** An id nobody else has, to tie labels to fields. */
export function freshId(stem) {
  numbered += 1;
  return `${stem}-${numbered}`;
}
