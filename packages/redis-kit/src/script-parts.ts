import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** Names of local functions and tables that a Lua file takes from a part, such as `shared/clock`. */
interface Need {
  readonly names: readonly string[];
  readonly part: string;
}

/** What a Lua file says about names that one file defines and another uses. */
interface PartHeader {
  readonly defines: readonly string[];
  readonly needs: readonly Need[];
}

const WORD = /^-- ?([A-Z]+)\b(.*)$/;

/**
 * Reads the lines `DEFINES` and `NEEDS` of the comment at the top of a Lua file:
 * ```
 * -- DEFINES push, push_two
 * -- NEEDS time_given, read_clock (shared/clock), push (shared/batch),
 * --       is_ahead (outage/ahead)
 * ```
 * A line that begins with no such word continues the one above it.
 */
function readPartHeader(text: string): PartHeader {
  const sections = new Map<string, string>();
  let word = "";
  for (const line of text.replace(/^#!.*\n/, "").split("\n")) {
    if (!line.startsWith("--")) break;
    const [, next, rest = line.slice(2)] = WORD.exec(line) ?? [];
    word = line.trim() === "--" ? "" : (next ?? word);
    sections.set(word, `${sections.get(word) ?? ""} ${rest}`);
  }
  const needs = (sections.get("NEEDS") ?? "").matchAll(/([\w\s,]+)\(([\w/]+)\)/g);
  return {
    defines: namesIn(sections.get("DEFINES")),
    needs: [...needs].map(([, names, part = ""]) => ({ names: namesIn(names), part })),
  };
}

const namesIn = (text = ""): string[] => text.match(/\w+/g) ?? [];

interface LuaFile extends PartHeader {
  readonly file: URL;
  readonly text: string;
}

const read = (file: URL): LuaFile => {
  const text = readFileSync(file, "utf8");
  return { file, text, ...readPartHeader(text) };
};

/**
 * A script and the parts that it needs, and that these need: a part comes after those that it needs itself, and the script is last. Parts are
 * files of local functions in folders beside the script. Throws an Error where parts need each other in a circle.
 */
export function filesOf(script: URL): readonly LuaFile[] {
  const found = new Map<string, LuaFile>();
  const visit = (file: URL, above: readonly string[]): void => {
    if (above.includes(file.href))
      throw new Error(`${basename(fileURLToPath(file))} needs itself, through other parts`);
    if (found.has(file.href)) return;
    const lua = read(file);
    for (const { part } of lua.needs) visit(new URL(`${part}.lua`, script), [...above, file.href]);
    found.set(file.href, lua);
  };
  visit(script, []);
  return [...found.values()];
}

/** What is wrong with the lines `DEFINES` and `NEEDS` of a script and of its parts: they say all that is so, and nothing else. */
export function partFaults(script: URL): string[] {
  const files = filesOf(script);
  const nameOf = (file: URL): string => file.href.slice(new URL(".", script).href.length);
  const own = new Map(files.map((lua) => [nameOf(lua.file), { ...lua, code: codeOf(lua.text) }]));
  const parts = [...own].slice(0, -1);
  const faults: string[] = [];
  for (const [name, { code, defines, needs }] of own) {
    const locals = localsOf(code);
    for (const each of defines) if (!locals.has(each)) faults.push(`${name}: does not define ${each}`);
    for (const { names, part } of needs) {
      for (const each of names) {
        if (own.get(`${part}.lua`)?.defines.includes(each) !== true) faults.push(`${name}: ${part} defines no ${each}`);
        if (!uses(code, each)) faults.push(`${name}: does not use ${each}`);
      }
    }
    const known = new Set([...locals, ...needs.flatMap(({ names }) => names)]);
    for (const [other, { code: theirs }] of parts) {
      for (const each of localsOf(theirs)) {
        if (other !== name && !known.has(each) && uses(code, each)) faults.push(`${name}: uses ${each} of ${other}`);
      }
    }
  }
  return faults;
}

/** Without comments and texts. */
const codeOf = (text: string): string => text.replace(/--.*$|'(?:[^'\\\n]|\\.)*'/gm, "");

/** Names that are local to the whole file: their lines are not indented. */
const localsOf = (code: string): Set<string> =>
  new Set([...code.matchAll(/^local (?:function (\w+)|([\w, ]+))/gm)].flatMap(([, one, some]) => namesIn(one ?? some)));

/** Whether the name is used as a variable, and not as a field. */
const uses = (code: string, name: string): boolean => new RegExp(`(?<![\\w.:])${name}\\b(?!\\s*=[^=])`).test(code);
