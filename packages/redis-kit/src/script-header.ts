import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { ScriptBinding } from "./script.js";
import { filesOf, partFaults } from "./script-parts.js";

/** The comment at the top of a Lua file. It is the contract of the script. */
export interface ScriptHeader {
  readonly name: string;
  readonly purpose: string;
  readonly keys: readonly { readonly name: string; readonly type: string; readonly note: string }[];
  /** The meaning of each ARGV. */
  readonly args: readonly string[];
  readonly returns: string;
  /** Reasons and edge cases. May be empty. */
  readonly why: string;
}

/**
 * Reads the header of a Lua file:
 * ```
 * -- add_job: adds a job and queues its id.
 * --
 * -- KEYS  1 jobs   hash  id -> packed job
 * --       2 ready  list  ids, oldest first
 * -- ARGV  1 job id
 * -- RETURN 'ok' | 'full'
 * -- NEEDS time_given (shared/clock)
 * --
 * -- The reasons for the design.
 * ```
 * A line `#!lua flags=…` may come before the header (see `scriptSource`). A line without a number continues the line
 * above. The last key may stand for any number of keys: `2 ...logs  stream`. NEEDS is optional, and `filesOf` reads
 * it. Throws an Error that names the file and the line that does not fit.
 */
function readScriptHeader(file: URL): ScriptHeader {
  const path = basename(fileURLToPath(file));
  const source = readFileSync(file, "utf8");
  const lines = source.replace(/^#!.*\n/, "").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("--"));
  return parseScriptHeader(path, lines.slice(0, end < 0 ? undefined : end));
}

/** Does the same as `readScriptHeader` without the file: `lines` are the comment lines at its top. */
export function parseScriptHeader(path: string, lines: readonly string[]): ScriptHeader {
  const sections: Record<"purpose" | "KEYS" | "ARGV" | "RETURN" | "NEEDS" | "why", string[]> = {
    purpose: [],
    KEYS: [],
    ARGV: [],
    RETURN: [],
    NEEDS: [],
    why: [],
  };
  let section: keyof typeof sections = "purpose";
  for (const line of lines) {
    let text = line.slice(2).trim();
    // The reasons come after the blank line below RETURN and NEEDS. There, these words have no special meaning.
    if ((section === "RETURN" || section === "NEEDS") && text === "") section = "why";
    const [, word] = /^-- ?(KEYS|ARGV|RETURN|NEEDS)\b/.exec(line) ?? [];
    if (section !== "why" && (word === "KEYS" || word === "ARGV" || word === "RETURN" || word === "NEEDS")) {
      section = word;
      text = text.slice(word.length).trim();
    }
    if (text !== "") sections[section].push(text);
  }
  const first = /^([a-z0-9_]+): (.+)$/.exec(sections.purpose.join(" "));
  if (first?.[1] === undefined || first[2] === undefined)
    throw new Error(`${path}: the header starts with no "name: purpose"`);
  return {
    name: first[1],
    purpose: first[2],
    keys: numbered(path, "KEYS", sections.KEYS).map((text) => {
      const [, name, type, note] = /^((?:\.{3})?[A-Za-z]\w*)\s+([a-z]+)(?:\s+(.*))?$/.exec(text) ?? [];
      if (name === undefined || type === undefined)
        throw new Error(`${path}: KEYS "${text}" is not "name type meaning"`);
      return { name, type, note: note ?? "" };
    }),
    args: numbered(path, "ARGV", sections.ARGV),
    returns: sections.RETURN.join(" "),
    why: sections.why.join(" "),
  };
}

function numbered(path: string, section: string, lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const [, number, text = ""] = /^(\d+)\s+(.+)$/.exec(line) ?? [];
    const last = items.length - 1;
    if (number === undefined) {
      if (last < 0) throw new Error(`${path}: ${section} starts with no number`);
      items[last] = `${items[last]} ${line}`;
    } else if (Number(number) !== items.length + 1) {
      throw new Error(`${path}: ${section} ${number} is out of order`);
    } else {
      items.push(text);
    }
  }
  return items;
}

/**
 * Compares a binding with its file, for the test of a service:
 * `for (const script of scripts) assert.deepEqual(scriptFaults(script), [])`.
 *
 * Returns these faults:
 * - The name differs from the file's name.
 * - The keys differ from those in the header.
 * - The header has no RETURN.
 * - The code reads a KEYS or ARGV that the header does not list.
 * - The code builds a key itself, which breaks on a cluster.
 * - A file uses, defines or needs a name of a part, and its lines DEFINES and NEEDS say something else.
 */
export function scriptFaults(binding: ScriptBinding): string[] {
  const path = basename(fileURLToPath(binding.file));
  const header = readScriptHeader(binding.file);
  const code = filesOf(binding.file)
    .map(({ text }) => text.replace(/--.*$/gm, ""))
    .join("\n");
  const faults = partFaults(binding.file);
  const inHeader = header.keys.map((key) => key.name).join(", ");
  if (`${header.name}.lua` !== path) faults.push(`${path}: the header calls it ${header.name}`);
  if (inHeader !== binding.keys.join(", ")) {
    faults.push(`${path}: the header's keys are (${inHeader}), the binding's (${binding.keys.join(", ")})`);
  }
  if (header.returns === "") faults.push(`${path}: the header has no RETURN`);
  for (const [name, count] of [
    ["KEYS", header.keys.length],
    ["ARGV", header.args.length],
  ] as const) {
    for (const [, index] of code.matchAll(new RegExp(`${name}\\[(\\d+)\\]`, "g"))) {
      if (Number(index) > count) faults.push(`${path}: ${name}[${index}] is not in the header`);
    }
  }
  for (const [call] of code.matchAll(/redis\.p?call\(\s*'[A-Z]+'\s*,\s*(?:'[^']*:|[^,)]*\.\.)[^,)]*/g)) {
    faults.push(`${path}: builds a key: ${call}`);
  }
  return faults;
}
