// Every visible text of the page, or of the dialog above it: its contrast with what lies behind, by WCAG 2.2.
// Called in the page; answers how many places were judged, and what is wrong.
(() => {
  const parse = (text) => {
    const numbers = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
    const [r, g, b] = text.startsWith("color(") ? numbers.map((v) => v * 255) : numbers;
    return [r, g, b, numbers[3] ?? 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const light = (rgb) =>
    rgb
      .map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  /* What lies behind: all layers down to an opaque one. Over a picture the worst of black and white counts. */
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const layer = parse(style.backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) return [layers.reduceRight((below, one) => over(one, below), [0, 0, 0])];
      if (style.backgroundImage !== "none") return [];
      if (style.position === "absolute" && at.parentElement.querySelector(":scope > img")) break;
    }
    return [
      [0, 0, 0],
      [255, 255, 255],
    ].map((ground) => layers.reduceRight((below, one) => over(one, below), ground));
  };
  const shown = (element) =>
    element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) &&
    !element.closest(".unseen, :disabled, .skip");
  const scope = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
  const problems = [];
  let count = 0;
  const judge = (element, colour, words) => {
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    for (const ground of behind(element)) {
      const found = ratio(over(parse(colour), ground), ground);
      count += 1;
      if (found < least)
        problems.push(
          `${found.toFixed(2)} < ${least}: "${words.trim().slice(0, 40)}" in ${element.tagName}.${element.className}`,
        );
    }
  };
  const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (
      !walker.currentNode.data.trim() ||
      !shown(element) ||
      ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)
    )
      continue;
    const inDrawing = element instanceof SVGElement;
    judge(
      inDrawing ? element.closest("svg").parentElement : element,
      getComputedStyle(element)[inDrawing ? "fill" : "color"],
      walker.currentNode.data,
    );
  }
  for (const field of scope.querySelectorAll("[placeholder]"))
    if (shown(field)) judge(field, getComputedStyle(field, "::placeholder").color, field.placeholder);
  return { count, problems };
})();
