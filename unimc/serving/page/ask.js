// Talking to the server.

export class Problem extends Error {
  constructor(word, detail = "", status = 0) {
    super(detail || word);
    this.word = word; // of words.js
    this.detail = detail; // the server's own line
    this.status = status;
  }
}

export async function ask(body, signal) {
  let response;
  try {
    response = await fetch("classify", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("offline");
  }
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  const word = response.status === 503 ? "busy" : response.status >= 500 ? "failed" : "refused";
  throw new Problem(word, said.error ?? "", response.status);
}

export async function info() {
  try {
    const response = await fetch("models");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

const TRIES = 8;

// Portions of texts that a request may have, the answers of each in turn. Where a portion is refused each of its texts
// is asked alone, so that one wrong text costs its own answer only.
export async function* askMany(texts, body, limits, signal) {
  const beside = characters(body);
  let start = 0;
  while (start < texts.length) {
    let end = start, read = 0;
    while (end < texts.length && end - start < Math.min(32, limits.texts)) {
      read += texts[end].length + beside;
      // Four bytes are the most that a character takes; the rest of the body is small beside the texts.
      if (end > start && (read > limits.characters || 4 * read > limits.body)) break;
      end += 1;
    }
    yield* portion(texts.slice(start, end), body, signal);
    start = end;
  }
}

async function* portion(texts, body, signal) {
  try {
    yield* await patiently({ ...body, texts }, signal);
  } catch (error) {
    if (!(error instanceof Problem) || error.status < 400 || error.status >= 500) throw error;
    if (texts.length === 1) { yield error; return; }
    for (const text of texts) yield* portion([text], body, signal);
  }
}

async function patiently(body, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask(body, signal);
    } catch (error) {
      if (error.status !== 503 || tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      signal.throwIfAborted();
    }
  }
}

function characters(body) {
  const pairs = Array.isArray(body.options) ? body.options.map((one) => [one, one]) : Object.entries(body.options);
  return pairs.reduce((sum, [name, wording]) => sum + name.length + wording.length, (body.question ?? "").length);
}
