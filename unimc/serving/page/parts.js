// What the page is made of: elements whose text is always text, the words of the language chosen, bars.

import { words } from "./words.js";

export const $ = (id) => document.getElementById(id);

export const state = { language: "en" };

// A sentence in the page's language, with {x} filled in.
export function say(word, values = {}) {
  return words[state.language][word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const number = (value) => value.toLocaleString(state.language === "zh" ? "zh-CN" : "en");

export const percent = (score) => `${(100 * score).toFixed(1)} %`;

// An element; children are elements or strings, and strings become text, never HTML.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function show(where, ...children) {
  where.replaceChildren(...children);
  where.hidden = children.length === 0;
}

// One bar a row: {name, share (0 to 1), figure, holds, wording}; limit: a line across every bar.
export function chart(title, rows, limit = null) {
  const list = element("ol");
  for (const row of rows) {
    const fill = element("div", { class: "fill" });
    fill.style.width = `${100 * row.share}%`;
    const track = element("div", { class: "track", "aria-hidden": "true" }, fill);
    if (limit !== null) {
      const line = element("div", { class: "limit" });
      line.style.left = `calc(${100 * limit}% - 1px)`;
      track.append(line);
    }
    const name = element("span", { class: "name" }, row.name);
    if (row.holds) name.append(" ", element("span", { "aria-hidden": "true" }, "✓"), element("span", { class: "visually-hidden" }, ` (${say("answer")})`));
    const item = element("li", row.holds ? { class: "holds" } : {}, name, element("span", { class: "score" }, row.figure));
    if (row.wording && row.wording !== row.name) item.append(element("span", { class: "wording-read" }, row.wording));
    item.append(track);
    list.append(item);
  }
  const made = element("div", { class: "chart" });
  if (title) made.append(element("h3", {}, title));
  made.append(list);
  return made;
}

// A field and the line below it that says what is wrong with it.
export function mark(field, line, problem) {
  line.textContent = problem;
  line.hidden = !problem;
  if (problem) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

export function showProblem(where, error) {
  const lines = [element("p", {}, say(error.word ?? "failed"))];
  if (error.detail && error.word !== "failed") lines.push(element("p", { class: "detail", lang: "en" }, error.detail));
  if (!error.word) console.error(error);
  show(where, ...lines);
  where.focus();
}
