/** Modal dialogs by the browser's own element: focus is kept inside, Escape closes, focus returns to where it was. */

import { button, freshId, h } from "./dom.js";

/** Open a dialog; `fill(body, close)` puts its content in. Returns the element. */
export function openDialog(title, fill, { kind = "", onclose } = {}) {
  const opener = document.activeElement;
  const heading = freshId("dialog");
  const body = h("div", { class: "dialog-body" });
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { class: kind, "aria-labelledby": heading },
    h(
      "header",
      {},
      h("h2", { id: heading }, title),
      button("", { sign: "cross", label: "Close", kind: "quiet small", onclick: close }),
    ),
    body,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose?.();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  fill(body, close, dialog);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
