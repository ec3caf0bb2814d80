import { appendFileSync, statSync } from "node:fs";

/** All markers. A marker is `[[name]]` or `[[name:argument]]`. README.md describes each one. */
export const MARKERS = [
  "text",
  "delay",
  "gate",
  "report",
  "recall",
  "tool",
  "usage",
  "window",
  "split",
  "flood",
  "flood-stderr",
  "fail",
  "first",
  "hang",
  "hang-before-init",
  "hang-mid",
  "hang-after-result",
  "stall",
  "ignore-sigterm",
  "answer-sigterm",
  "grandchild",
  "grandchild-setsid",
  "grandchild-stdout",
  "crowd",
  "hog",
  "no-result",
  "cut-result",
  "garbage",
  "empty-exit-0",
  "exit",
  "crash",
];

const MARKER = /\[\[([a-z][a-z0-9-]*)(?::((?:(?!\]\]).)*))?\]\]/gs;
const SIZES = { "": 1, KB: 1024, MB: 1024 * 1024 };

export class MarkerError extends Error {}

/**
 * Returns the prompt's markers by name. If a name occurs twice, the later one counts. `[[sim:…]]` belongs to the
 * simulator and stays in the text.
 */
export function readMarkers(prompt) {
  const found = new Map();
  for (const [, name, argument = ""] of prompt.matchAll(MARKER)) {
    if (name === "sim") continue;
    if (!MARKERS.includes(name)) throw new MarkerError(`[[${name}]] is not a marker; there are ${MARKERS.join(", ")}`);
    found.set(name, argument);
  }
  if (found.has("first")) limitToFirst(found);
  return {
    has: (name) => found.has(name),
    text: (name, otherwise = "") => found.get(name) || otherwise,
    number: (name, otherwise) => Number(found.get(name) || otherwise),
    bytes: (name, otherwise) => bytes(found.get(name) || otherwise),
  };
}

export function withoutMarkers(prompt) {
  return prompt.replaceAll(MARKER, (whole, name) => (name === "sim" ? whole : "")).trim();
}

/**
 * `[[first:<n>:<file>]]`: each run adds a byte to the file. From run n + 1 on, the engine ignores the markers that make
 * it misbehave.
 */
function limitToFirst(found) {
  const [, runs, file] = /^(\d+):(.+)$/s.exec(found.get("first")) ?? [];
  if (file === undefined) throw new MarkerError("[[first]] is written [[first:<runs>:<file>]]");
  appendFileSync(file, ".");
  if (statSync(file).size <= Number(runs)) return;
  for (const name of MARKERS.slice(MARKERS.indexOf("fail"))) found.delete(name);
}

function bytes(size) {
  const [, count, unit] = /^(\d+)(KB|MB)?$/.exec(size) ?? [];
  if (count === undefined) throw new MarkerError(`"${size}" is not a size; write 500, 64KB or 5MB`);
  return Number(count) * SIZES[unit ?? ""];
}
