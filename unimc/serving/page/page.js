// The first card: a text, one wording or two, and the scores. The second is in rows.js.

import { ask, info } from "./ask.js";
import { $, chart, element, mark, number, percent, say, show, showProblem, state } from "./parts.js";
import { startTable, translateTable } from "./rows.js";
import { words } from "./words.js";

const LETTERS = ["A", "B"];
const wordings = []; // of each: the fieldset and its fields
const given = { limits: { text: 20000, option: 500, question: 2000, options: 256, texts: 1000, characters: 500000, body: 1000000 }, models: [] };
let last = null; // what was asked and answered, to be shown again in another language
let sample = 0; // which example stands in the fields; null once somebody typed

// ---- words

function translate() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  document.title = `unimc · ${say("tagline")}`;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", say(one.dataset.label));
  for (const one of document.querySelectorAll("[data-language]")) one.setAttribute("aria-pressed", String(one.dataset.language === state.language));
  $("csv").placeholder = say("csvSample");
  wordings.forEach((one, number) => { one.legend.textContent = say("wording", { letter: LETTERS[number] }); });
  $("second").textContent = say(wordings.length > 1 ? "dropSecond" : "addSecond");
  show($("samples"), ...words[state.language].sampleNames.flatMap((name, number) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => { fill(number); $("text").focus(); });
    return number ? [" · ", button] : [button];
  }));
  translateTheme();
  showModel();
  clearProblems();
  if (last) showResults(last);
  translateTable();
}

function choose(language) {
  state.language = language;
  remember("language", language);
  if (sample !== null) fill(sample);
  translate();
}

function remember(name, value) {
  try { localStorage.setItem(`unimc-${name}`, value); } catch { /* private windows have none; nothing is lost */ }
}

function remembered(name) {
  try { return localStorage.getItem(`unimc-${name}`); } catch { return null; }
}

// ---- appearance

const THEMES = { auto: "themeAuto", light: "themeLight", dark: "themeDark" };

function translateTheme() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  $("theme").textContent = say(THEMES[theme]);
}

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

// ---- wordings

function addWording() {
  const fieldset = $("wording-template").content.firstElementChild.cloneNode(true);
  const letter = LETTERS[wordings.length];
  const one = { fieldset, legend: fieldset.querySelector("legend") };
  for (const name of ["question", "options"]) {
    one[name] = fieldset.querySelector(`.${name}`);
    one[`${name}Problem`] = fieldset.querySelector(`.${name}-problem`);
    one[name].id = `${name}-${letter}`;
    one[`${name}Problem`].id = `${name}-problem-${letter}`;
    fieldset.querySelector(`[data-word="${name}"]`).htmlFor = one[name].id;
    one[name].setAttribute("aria-describedby", one[`${name}Problem`].id);
    one[name].addEventListener("input", () => { sample = null; });
  }
  fieldset.querySelector(".hint").id = `hint-${letter}`;
  one.options.setAttribute("aria-describedby", `hint-${letter} ${one.optionsProblem.id}`);
  if (wordings.length) {
    one.question.value = wordings[0].question.value;
    one.options.value = wordings[0].options.value;
  }
  wordings.push(one);
  $("wordings").append(fieldset);
}

function dropWording() {
  wordings.pop().fieldset.remove();
}

function countWordings() {
  $("wordings").classList.toggle("alone", wordings.length === 1);
  $("second").setAttribute("aria-expanded", String(wordings.length > 1));
}

function fill(number) {
  const { text, question, options } = words[state.language].sampleTexts[number];
  $("text").value = text;
  for (const one of wordings) { one.question.value = question; one.options.value = options; }
  sample = number;
  clearProblems();
}

// ---- asking

// The lines of an options field: name = wording, or a wording that is its own name.
function pairsOf(lines) {
  return lines.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [, name, wording] = /^(.*?)(?:\s=\s|＝|\s=$)(.*)$/.exec(line) ?? [null, line, line];
    return [name.trim(), wording.trim()];
  });
}

function twice(values) {
  return values.find((value, place) => values.indexOf(value) < place);
}

function optionsProblem(pairs) {
  const { option, options } = given.limits;
  if (!pairs.length) return say("needOptions");
  const without = pairs.find(([name, wording]) => !name || !wording);
  if (without) return say("noWording", { what: without[0] || without[1] });
  const double = twice(pairs.map(([name]) => name)) ?? twice(pairs.map(([, wording]) => wording));
  if (double !== undefined) return say("twice", { what: double });
  const long = pairs.flat().find((part) => part.length > option);
  if (long) return say("tooLong", { n: number(long.length), most: number(option) });
  if (pairs.length > options) return say("tooMany", { n: number(pairs.length), most: number(options) });
  return "";
}

function lengthProblem(text, most) {
  return text.length > most ? say("tooLong", { n: number(text.length), most: number(most) }) : "";
}

// What the fields ask, without texts, a request for each of the first so many wordings; null, with the fields marked,
// if something is wrong.
export function asked(count = wordings.length) {
  clearProblems();
  const bodies = wordings.slice(0, count).map((one) => {
    const pairs = pairsOf(one.options.value);
    mark(one.options, one.optionsProblem, optionsProblem(pairs));
    mark(one.question, one.questionProblem, lengthProblem(one.question.value, given.limits.question));
    const body = {
      options: pairs.every(([name, wording]) => name === wording) ? pairs.map(([name]) => name) : Object.fromEntries(pairs),
      question: one.question.value.trim(),
    };
    if ($("several").checked) Object.assign(body, { multi_label: true, threshold: Number($("threshold").value) });
    return body;
  });
  const limit = $("threshold");
  if ($("several").checked && !(limit.value !== "" && limit.checkValidity())) {
    limit.setAttribute("aria-invalid", "true");
    showProblem($("problem"), { word: "badThreshold" });
  }
  return firstWrong() ? null : bodies;
}

function firstWrong() {
  const wrong = document.querySelector('#form [aria-invalid="true"]');
  wrong?.focus();
  return wrong;
}

function clearProblems() {
  show($("problem"));
  mark($("text"), $("text-problem"), "");
  for (const one of wordings) {
    mark(one.options, one.optionsProblem, "");
    mark(one.question, one.questionProblem, "");
  }
  $("threshold").removeAttribute("aria-invalid");
}

async function submit(event) {
  event?.preventDefault();
  if ($("ask").disabled) return;
  const bodies = asked();
  const text = $("text").value;
  mark($("text"), $("text-problem"), text.trim() ? lengthProblem(text, given.limits.text) : say("needText"));
  if (firstWrong() || !bodies) return;
  $("ask").disabled = true;
  const late = setTimeout(() => { $("busy").hidden = false; }, 150); // a line that only flashes helps nobody
  const start = performance.now();
  try {
    const answers = await Promise.all(bodies.map((body) => ask({ texts: text, ...body })));
    last = { bodies: bodies.map((body) => ({ texts: text, ...body })), answers, ms: Math.round(performance.now() - start) };
    showResults(last);
  } catch (error) {
    last = null;
    $("results").hidden = true;
    showProblem($("problem"), error);
  } finally {
    clearTimeout(late);
    $("busy").hidden = true;
    $("ask").disabled = false;
  }
}

// ---- results

function showResults({ bodies, answers, ms }) {
  const ranks = [...answers[0].names].sort((a, b) => scoreOf(answers[0], b) - scoreOf(answers[0], a));
  const charts = answers.map((answer, place) => {
    // The second wording keeps the first one's order where it has the same names, to be compared row by row.
    const same = answer.names.length === ranks.length && ranks.every((name) => answer.names.includes(name));
    const names = same ? ranks : [...answer.names].sort((a, b) => scoreOf(answer, b) - scoreOf(answer, a));
    const rows = names.map((name) => {
      const index = answer.names.indexOf(name);
      const score = answer.scores[index];
      return { name, share: score, figure: percent(score), holds: answer.labels.includes(index), wording: answer.options[index] };
    });
    const letter = say("wording", { letter: LETTERS[place] });
    const title = answers.length > 1 ? [letter, bodies[place].question].filter(Boolean).join(" · ") : "";
    const made = chart(title, rows, bodies[place].multi_label ? bodies[place].threshold : null);
    if (!answer.labels.length) made.append(element("p", { class: "muted" }, say("none")));
    if (answer.truncated) made.append(element("p", { class: "notice" }, say("cut", { n: number(answer.truncated) })));
    return made;
  });
  show($("charts"), ...charts);
  $("results").hidden = false;
  $("took").textContent = say("took", { ms: number(ms) });
  $("reading").textContent = say(bodies[0].multi_label ? "readSeveral" : "readOne");
  $("curl").textContent = bodies.map(curl).join("\n");
  $("said").textContent = answers.map((answer, place) => say("answers", {
    letter: answers.length > 1 ? LETTERS[place] : say("answer"),
    answer: answer.labels.length ? answer.labels.map((label) => answer.names[label]).join(", ") : say("none"),
    score: percent(answer.scores[answer.label]),
  })).join(" ");
}

const scoreOf = (answer, name) => answer.scores[answer.names.indexOf(name)];

function curl(body) {
  const data = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl ${new URL("classify", location.href)} -H 'content-type: application/json' -d '${data}'`;
}

function showModel() {
  const [model] = given.models;
  if (!model) return;
  const named = model.languages.map((code) => words[state.language][code] ?? code);
  const languages = named.join(say("and"));
  const parameters = say("parameters", { n: number(Math.round(model.parameters / words[state.language].unit)) });
  $("model").textContent = say("model", { ...model, languages, parameters });
  const lacks = !model.languages.includes(state.language);
  $("notice").textContent = lacks ? say("onlyIn", { languages }) : "";
  $("notice").hidden = !lacks;
}

// ---- start

async function start() {
  const wanted = new URLSearchParams(location.search).get("lang") ?? remembered("language") ?? navigator.language;
  state.language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  const theme = remembered("theme");
  if (theme in THEMES) setTheme(theme);
  addWording();
  countWordings();
  fill(0);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => choose(button.dataset.language));
  }
  $("theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    const now = names.indexOf(document.documentElement.dataset.theme ?? "auto");
    setTheme(names[(now + 1) % names.length]);
    translateTheme();
  });
  $("second").addEventListener("click", () => {
    if (wordings.length > 1) dropWording();
    else addWording();
    countWordings();
    translate();
    if (wordings.length > 1) wordings[1].options.focus();
  });
  $("several").addEventListener("change", () => { $("threshold-label").hidden = !$("several").checked; });
  $("text").addEventListener("input", () => { sample = null; });
  $("form").addEventListener("submit", submit);
  $("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  });
  startTable({ asked: () => asked(1)?.[0] ?? null, limits: () => given.limits });
  translate();
  Object.assign(given, (await info()) ?? {});
  showModel();
  document.documentElement.dataset.ready = "true";
}

start();
