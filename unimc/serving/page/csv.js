// Tables as text: RFC 4180, with commas, semicolons or tabs. Nothing here touches the page.

export class CsvError extends Error {
  constructor(word, values) {
    super(word);
    this.word = word;
    this.values = values;
  }
}

// What separates the cells: the one that stands most often in the first line, outside of quotes.
function separatorOf(text) {
  const counts = { ",": 0, ";": 0, "\t": 0 };
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    else if (letter === "\n" && !quoted) break;
    else if (letter in counts && !quoted) counts[letter] += 1;
  }
  return Object.keys(counts).reduce((best, one) => (counts[one] > counts[best] ? one : best));
}

// Without empty lines; but between the rows of a table of one column such a line is an empty cell, written as a
// spreadsheet writes it.
function withoutEmpty(rows) {
  const full = (row) => row.length > 0;
  if (rows.some((row) => row.length > 1)) return rows.filter(full);
  return rows.slice(Math.max(0, rows.findIndex(full)), rows.findLastIndex(full) + 1).map((row) => (full(row) ? row : [""]));
}

// Rows of cells.
export function parse(given) {
  const text = given.replace(/^\ufeff/, "");
  const separator = separatorOf(text);
  const rows = [];
  let row = [], cell = "", quoted = false, wasQuoted = false;
  const endRow = () => {
    rows.push(row.length || cell || wasQuoted ? [...row, cell] : []);
    row = []; cell = ""; wasQuoted = false;
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (letter === '"' && cell === "" && !wasQuoted) { quoted = true; wasQuoted = true; }
    else if (letter === separator) { row.push(cell); cell = ""; wasQuoted = false; }
    else if (letter === "\n") endRow();
    else if (letter === "\r" && (text[at + 1] === "\n" || at + 1 === text.length)) continue;
    else cell += letter;
  }
  endRow();
  const found = withoutEmpty(rows);
  if (quoted) throw new CsvError("openQuote", { n: found.length }); // the last: all that follows is in it
  return found;
}

// The columns' names and the rows below them, all of one width.
export function table(text, hasHead, nameOf) {
  const rows = parse(text);
  const width = hasHead ? (rows[0] ?? []).length : Math.max(0, ...rows.map((row) => row.length));
  const names = Array.from({ length: width }, (_, column) => (hasHead && rows[0][column].trim()) || nameOf(column + 1));
  const body = hasHead ? rows.slice(1) : rows;
  body.forEach((row, number) => {
    if (row.length > width) throw new CsvError("wide", { n: number + 1 + Number(hasHead), cells: row.length, columns: width });
    while (row.length < width) row.push("");
  });
  return { names, rows: body };
}

const cellOf = (value) => (/[",\n\r;\t]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

// With a byte order mark, by which spreadsheets know that it is UTF-8.
export function written(names, rows) {
  return "\ufeff" + [names, ...rows].map((row) => row.map(cellOf).join(",") + "\r\n").join("");
}

// The column that most likely holds the texts: the one with the longest cells.
export function longestColumn(rows) {
  const sizes = (rows[0] ?? []).map((_, column) => rows.slice(0, 100).reduce((sum, row) => sum + row[column].length, 0));
  return sizes.indexOf(Math.max(...sizes));
}

// Text of a file: UTF-8, or what spreadsheets in Chinese write.
export async function textOf(file) {
  const bytes = await file.arrayBuffer();
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), gb: false };
  } catch {
    return { text: new TextDecoder("gb18030").decode(bytes), gb: true };
  }
}
