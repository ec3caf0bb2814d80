// Prints what changed between the recordings of one version and those of another. The default for BEFORE is the newest
// version before VERSION:
// node --import tsx --conditions ccsp-src test/compare-recordings.ts VERSION [BEFORE]
import { readdirSync, readFileSync } from "node:fs";
import { parseObject, textAt } from "@ccsp/engine-kit";
import { replay } from "@ccsp/engine-kit/conformance";
import { RULES } from "../src/engines/claude-code/rules.js";
import { createTranscriptReader } from "../src/engines/claude-code/transcript.js";
import { CASES } from "./recording-cases.js";

const RECORDINGS = new URL("recordings/", import.meta.url);
const number = new Intl.Collator("en", { numeric: true });

const [version = "", named] = process.argv.slice(2);
const versions = readdirSync(RECORDINGS).toSorted(number.compare);
const before = named ?? versions.filter((each) => number.compare(each, version) < 0).at(-1);
if (!versions.includes(version)) throw new Error(`there are recordings of ${versions.join(", ")}, not of ${version}`);

const textOf = (of: string, name: string): string | undefined => {
  try {
    return readFileSync(new URL(`${of}/${name}.jsonl`, RECORDINGS), "utf8");
  } catch {
    return undefined;
  }
};

/** How a recorded run ends, in one line. */
function endOf(recording: string): { end: string; unknown: readonly string[] } {
  const { outcome, unknown } = replay(recording, { reader: createTranscriptReader(), rules: RULES });
  const failed = outcome.ok ? "" : outcome.failure.category;
  return { end: outcome.ok ? `text ${JSON.stringify(outcome.result.text)}` : failed, unknown };
}

/** Fields of each kind of message, over all cases. */
function fieldsOf(of: string): Map<string, Set<string>> {
  const kinds = new Map<string, Set<string>>();
  for (const { name } of CASES) {
    for (const line of (textOf(of, name) ?? "").split("\n")) {
      const message = parseObject(Buffer.from(line));
      const type = textAt(message, "type");
      // A recording has only a part of the session's first line. The exit line does not come from the CLI.
      if (type === undefined || type === "exit" || textAt(message, "subtype") === "init") continue;
      // The subtype of a result says how the run ended. It does not name a kind of message.
      const subtype = type === "result" ? undefined : textAt(message, "subtype");
      const kind = [type, subtype, textAt(message, "event", "type")].filter(Boolean).join("/");
      const fields = kinds.get(kind) ?? new Set();
      for (const field of Object.keys(Object(message))) fields.add(field);
      kinds.set(kind, fields);
    }
  }
  return kinds;
}

const without = (some: Iterable<string>, others: { has(one: string): boolean } | undefined): string[] =>
  [...some].filter((one) => !others?.has(one)).toSorted();

let faults = 0;
const say = (line: string) => console.log(`  ${line}`);

console.log(`Claude Code ${version} against ${before ?? "nothing"}:`);
for (const { name, expects } of CASES) {
  const now = textOf(version, name);
  if (now === undefined) continue;
  const { end, unknown } = endOf(now);
  const old = before === undefined ? undefined : textOf(before, name);
  const was = old === undefined ? "not recorded" : endOf(old).end;
  if (end !== was) say(`${name}: ${was} -> ${end}`);
  const wanted = "category" in expects ? expects.category : `text ${JSON.stringify(expects.text)}`;
  if (end !== wanted && !("or" in expects && end === expects.or)) {
    faults += 1;
    say(`${name}: ends as ${end}, and its case says ${wanted}`);
  }
  for (const line of unknown) {
    faults += 1;
    say(`${name}: not understood: ${line.slice(0, 200)}`);
  }
}
const fields = fieldsOf(version);
const earlier = before === undefined ? new Map<string, Set<string>>() : fieldsOf(before);
for (const kind of without(fields.keys(), earlier))
  say(`new message ${kind}: ${[...(fields.get(kind) ?? [])].join(", ")}`);
for (const kind of without(earlier.keys(), fields)) say(`no more message ${kind}`);
for (const [kind, names] of fields) {
  const old = earlier.get(kind);
  if (old === undefined) continue;
  const [more, less] = [without(names, old), without(old, names)];
  if (more.length > 0) say(`${kind}: new ${more.join(", ")}`);
  if (less.length > 0) say(`${kind}: no more ${less.join(", ")}`);
}
console.log(faults === 0 ? "Every run ends as its case says." : `${faults} faults.`);
process.exitCode = faults === 0 ? 0 : 1;
