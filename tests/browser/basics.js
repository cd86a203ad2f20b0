// What every page must have for everybody to be able to use it; answers with what is wrong, in words.
(framed) => {
  const wrong = [];
  const name = (element) => `<${element.tagName.toLowerCase()} ${element.id || element.className || element.textContent.trim().slice(0, 30)}>`;
  const count = (selector) => document.querySelectorAll(selector).length;

  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title.trim()) wrong.push("no title");
  if (count("h1") !== 1) wrong.push(`${count("h1")} h1`);
  if (count("main") !== 1) wrong.push(`${count("main")} main`);
  if (framed && (count("body > header") !== 1 || count("body > footer") !== 1)) wrong.push("no header or footer");

  const levels = [...document.querySelectorAll("h1,h2,h3,h4")].map((heading) => Number(heading.tagName[1]));
  levels.forEach((level, place) => { if (place && level > levels[place - 1] + 1) wrong.push(`h${level} after h${levels[place - 1]}`); });

  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length && !field.ariaLabel) wrong.push(`no label: ${name(field)}`);
  for (const control of document.querySelectorAll("a[href], button"))
    if (!(control.textContent.trim() || control.ariaLabel)) wrong.push(`no name: ${name(control)}`);
  for (const described of document.querySelectorAll("[aria-labelledby]"))
    if (!document.getElementById(described.getAttribute("aria-labelledby"))) wrong.push(`labelled by nothing: ${name(described)}`);

  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
  if (twice.length) wrong.push(`ids used twice: ${twice.slice(0, 3)}`);
  for (const inline of document.querySelectorAll("[style], style, script:not([src])")) wrong.push(`inline style or script: ${name(inline)}`);

  const excess = document.documentElement.scrollWidth - window.innerWidth;
  if (excess > 0) wrong.push(`${excess} px wider than the screen`);

  // Contrast, WCAG 2.2 success criterion 1.4.3: 4.5:1, and 3:1 for text from 24 px on (18.66 px when bold).
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (...colours) => {
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const grounds = (element) => element ? [...grounds(element.parentElement), getComputedStyle(element).backgroundColor] : ["white"];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(element) || element.closest("[aria-disabled=true], .skip, script")) continue;
    if (!element.checkVisibility()) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const behind = grounds(element);
    const [lighter, darker] = [luminance(painted(...behind, style.color)), luminance(painted(...behind))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (lighter + 0.05) / (darker + 0.05);
    if (ratio < least) wrong.push(`contrast ${ratio.toFixed(2)}: ${name(element)}`);
  }
  return wrong;
}
