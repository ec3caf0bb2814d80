import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** The names of local functions and tables that a Lua file uses from a part, for example from `shared/clock`. */
interface Need {
  readonly names: readonly string[];
  readonly part: string;
}

/** The names that a Lua file defines for other files, and the names that it needs from them. */
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
 * A line without such a word at its beginning continues the line above.
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
 * Returns a script with all parts that it needs directly or through other parts. Each part comes after the parts that
 * it needs, and the script is last. A part is a file of local functions in a folder beside the script. Throws an Error
 * if parts need each other in a circle.
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

/**
 * Returns the faults in the lines `DEFINES` and `NEEDS` of a script and its parts. The lines must name everything that
 * is shared, and nothing else.
 */
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

/** Returns the code without comments and string literals. */
const codeOf = (text: string): string => text.replace(/--.*$|'(?:[^'\\\n]|\\.)*'/gm, "");

/** The names that are local to the whole file. Their lines are not indented. */
const localsOf = (code: string): Set<string> =>
  new Set([...code.matchAll(/^local (?:function (\w+)|([\w, ]+))/gm)].flatMap(([, one, some]) => namesIn(one ?? some)));

/** Whether the code uses the name as a variable and not as a field. */
const uses = (code: string, name: string): boolean => new RegExp(`(?<![\\w.:])${name}\\b(?!\\s*=[^=])`).test(code);
