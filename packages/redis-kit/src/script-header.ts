import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { ScriptBinding } from "./script.js";
import { filesOf, partFaults } from "./script-parts.js";

/** The comment at the top of a Lua file, which is its contract. */
export interface ScriptHeader {
  readonly name: string;
  readonly purpose: string;
  readonly keys: readonly { readonly name: string; readonly type: string; readonly note: string }[];
  /** What each ARGV is. */
  readonly args: readonly string[];
  readonly returns: string;
  /** Reasons and edges, when there are any. */
  readonly why: string;
}

/**
 * Reads the header of a Lua file:
 * ```
 * -- add_job: what it does.
 * --
 * -- KEYS  1 jobs   hash  id -> packed job
 * --       2 ready  list  ids, oldest first
 * -- ARGV  1 job id
 * -- RETURN 'ok' | 'full'
 * -- NEEDS time_given (shared/clock)
 * --
 * -- Why it is so.
 * ```
 * A line `#!lua flags=…` may stand before it (see `scriptSource`). A line without a number continues the one above; the last key may be any number of keys: `2 ...logs  stream`. NEEDS, which may be absent, is for `filesOf`. Throws an Error that names the file and the line that does not fit.
 */
function readScriptHeader(file: URL): ScriptHeader {
  const path = basename(fileURLToPath(file));
  const source = readFileSync(file, "utf8");
  const lines = source.replace(/^#!.*\n/, "").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("--"));
  return parseScriptHeader(path, lines.slice(0, end < 0 ? undefined : end));
}

/** `readScriptHeader` without the file: `lines` are the comment lines at its top. */
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
    // After the blank line below RETURN and NEEDS come reasons, in which the words mean nothing.
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
 * Compares a binding with its file, for a service's test: `for (const script of scripts) assert.deepEqual(scriptFaults(script), [])`.
 * Answers what is wrong: another name than the file's, other keys than the header's, no RETURN, KEYS or ARGV read past
 * those that the header names, a key that the code builds itself (which breaks on a cluster), or a name of a part that a file uses, defines or needs
 * other than it says.
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
