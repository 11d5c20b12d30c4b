// The second card: a table, asked row by row with the first wording above, and its results to take away.

import { Problem, askMany } from "./ask.js";
import { CsvError, longestColumn, table, textOf, written } from "./csv.js";
import { $, chart, element, mark, number, percent, say, show, showProblem } from "./parts.js";

const SHOWN = 100;
const COLUMNS = ["answer", "score", "scores", "truncated", "error"]; // as `unimc predict` calls them

let page = null; // what the first card gives: the question and options, the limits
let read = null; // { names, rows }: what stands in the field
let gb = false;
let picked = false; // whether somebody chose the column; until then it is told from the cells
let done = null; // { names, rows, column, answers, seconds, stopped }: what was asked, and answered so far
let running = null; // the AbortController of a run

export function startTable(given) {
  page = given;
  $("csv").addEventListener("input", () => { $("file-name").textContent = ""; gb = false; reread(); });
  $("head").addEventListener("change", reread);
  $("column").addEventListener("change", () => { picked = true; });
  $("file").addEventListener("change", open);
  $("run").addEventListener("click", run);
  $("stop").addEventListener("click", () => running?.abort());
  $("download").addEventListener("click", download);
}

export function translateTable() {
  reread();
  if (done) { showProgress(); showTable(); }
}

async function open() {
  const [file] = $("file").files;
  if (!file) return;
  const { text, gb: other } = await textOf(file);
  gb = other;
  $("csv").value = text.replace(/^\ufeff/, "");
  $("file-name").textContent = file.name;
  $("file").value = ""; // so that the same file can be chosen again
  reread();
}

function reread() {
  const before = $("column").selectedIndex;
  const width = read?.names.length;
  let problem = "";
  read = null;
  try {
    const text = $("csv").value;
    if (text.trim()) {
      read = table(text, $("head").checked, (n) => say("columnNumber", { n }));
      if (!read.rows.length) { read = null; problem = say("noRows"); }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    problem = say(error.word, error.values);
  }
  mark($("csv"), $("csv-problem"), problem);
  show($("column"), ...(read?.names ?? []).map((name, place) => element("option", { value: String(place) }, name)));
  $("column").hidden = false;
  $("column").disabled = !read;
  picked &&= read !== null && read.names.length === width;
  if (read) $("column").selectedIndex = picked ? before : longestColumn(read.rows);
  const count = read?.rows.length ?? 0;
  $("count").textContent = [count ? rowsOf(count) : "", gb ? say("asGb") : ""].filter(Boolean).join(" · ");
  $("run").textContent = !count ? say("runNone") : count === 1 ? say("runOne") : say("run", { n: number(count) });
  $("run").disabled = !read || running !== null;
}

const rowsOf = (count) => (count === 1 ? say("row") : say("rows", { n: number(count) }));

async function run() {
  const body = page.asked();
  if (!body || !read) return;
  const column = $("column").selectedIndex;
  const texts = read.rows.map((row) => row[column]);
  const most = page.limits().text;
  const answers = texts.map((text) => {
    if (!text.trim()) return new Problem("refused", say("emptyCell"));
    return text.length > most ? new Problem("refused", say("tooLong", { n: number(text.length), most: number(most) })) : null;
  });
  const places = answers.flatMap((answer, place) => (answer ? [] : [place])); // of the texts that are asked
  running = new AbortController();
  done = { ...read, column, answers, body, seconds: 0, stopped: false };
  const start = performance.now();
  show($("table-problem"));
  work(true);
  showProgress();
  showTable();
  try {
    let next = 0;
    for await (const answer of askMany(places.map((place) => texts[place]), body, page.limits(), running.signal)) {
      answers[places[next]] = answer;
      next += 1;
      if (next % 16 === 0) { showProgress(); showTable(); await new Promise((resolve) => setTimeout(resolve)); }
    }
  } catch (error) {
    done.stopped = true;
    if (error.name !== "AbortError") showProblem($("table-problem"), error);
  }
  done.seconds = (performance.now() - start) / 1000;
  running = null;
  work(false);
  showProgress();
  showTable();
}

function work(busy) {
  $("run").disabled = busy || !read;
  $("stop").hidden = !busy;
  $("download").hidden = busy;
}

const isAnswer = (answer) => answer !== null && !(answer instanceof Problem);

function showProgress() {
  const { answers, stopped } = done;
  const all = answers.length;
  const ready = answers.filter((answer) => answer !== null).length;
  const failed = answers.filter((answer) => answer instanceof Problem).length;
  $("progress").hidden = false;
  $("bar").value = ready / all;
  const said = [running
    ? say("progress", { done: number(ready), all: number(all) })
    : say("finished", { done: number(ready - failed), all: number(all), s: done.seconds.toFixed(1) })];
  if (!running && stopped) said.push(say("stopped"));
  if (!running && failed) said.push(failed === 1 ? say("failedRow") : say("failedRows", { n: number(failed) }));
  $("progress-text").textContent = said.join(" · ");
}

const held = (answer) => answer.labels.map((label) => answer.names[label]);

function showTable() {
  const { names, rows, column, answers, body } = done;
  const found = answers.filter(isAnswer);
  const counts = new Map((Array.isArray(body.options) ? body.options : Object.keys(body.options)).map((name) => [name, 0]));
  let without = 0;
  for (const answer of found) {
    const here = held(answer);
    if (!here.length) without += 1;
    for (const name of here) counts.set(name, counts.get(name) + 1);
  }
  const bars = [...counts, ...(without ? [[say("none"), without]] : [])].map(([name, count]) => ({
    name, share: found.length ? count / found.length : 0, figure: rowsOf(count), holds: false,
  }));
  show($("summary"), chart(say("perAnswer"), bars));
  const head = element("tr", {}, element("th", { scope: "col", class: "number" }, "#"), element("th", { scope: "col" }, names[column]),
    ...["answer", "score"].map((name) => element("th", { scope: "col", ...(name === "score" ? { class: "number" } : {}) }, name)));
  const body_ = element("tbody");
  rows.slice(0, SHOWN).forEach((row, place) => {
    const answer = answers[place];
    const text = row[column].length > 300 ? `${row[column].slice(0, 300)}…` : row[column];
    const cells = [element("td", { class: "number" }, number(place + 1)), element("td", {}, text)];
    if (answer instanceof Problem) cells.push(element("td", { class: "wrong", colspan: "2" }, answer.detail || say(answer.word)));
    else if (answer === null) cells.push(element("td", { colspan: "2", class: "muted" }, "…"));
    else {
      cells.push(element("td", { class: "answer" }, held(answer).join(", ") || say("none")));
      cells.push(element("td", { class: "number" }, percent(answer.scores[answer.label])));
    }
    body_.append(element("tr", {}, ...cells));
  });
  show($("table"), element("table", {}, element("thead", {}, head), body_));
  $("more").hidden = rows.length <= SHOWN;
  $("more").textContent = say("shownRows", { n: number(SHOWN) });
}

function download() {
  const { names, rows, answers, body } = done;
  const taken = new Set(names);
  const columns = COLUMNS.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = `${name}_${n}`;
    return free;
  });
  const cells = answers.map((answer) => {
    if (answer === null) return ["", "", "", "", ""];
    if (answer instanceof Problem) return ["", "", "", "", answer.detail || answer.word];
    const here = held(answer);
    const scores = Object.fromEntries(answer.names.map((name, place) => [name, Number(answer.scores[place].toFixed(4))]));
    return [
      body.multi_label ? JSON.stringify(here) : (here[0] ?? ""),
      answer.scores[answer.label].toFixed(4), JSON.stringify(scores), String(answer.truncated), "",
    ];
  });
  const text = written([...names, ...columns], rows.map((row, place) => [...row, ...cells[place]]));
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = element("a", { href: url, download: "unimc.csv" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
