import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { type ScriptBinding, scriptSource } from "./script.js";
import { scriptFaults } from "./script-header.js";
import { filesOf } from "./script-parts.js";

/**
 * Returns the faults of the Lua files in a folder, for the test of a service: `assert.deepEqual(luaFaults(folder,
 * scripts), [])`. Each file must be bound or be a part of a bound file, and it must agree with its binding
 * (`scriptFaults`). Each script must run when the memory of Redis is full, except the scripts in `refusedWhenFull`.
 */
export function luaFaults(
  folder: URL,
  scripts: readonly ScriptBinding[],
  { refusedWhenFull = [] }: { readonly refusedWhenFull?: readonly string[] } = {},
): string[] {
  const used = new Set(scripts.flatMap(({ file }) => filesOf(file).map((each) => each.file.pathname)));
  const unused = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".lua") && !used.has(new URL(path, folder).pathname),
  );
  const flags = scripts.flatMap((script) => {
    const name = basename(script.file.pathname, ".lua");
    const isRefused = !scriptSource(script).startsWith("#!lua flags=allow-oom\n");
    if (isRefused === refusedWhenFull.includes(name)) return [];
    return [`${name}.lua: ${isRefused ? "does not run" : "runs"} when the memory of Redis is full`];
  });
  return [...scripts.flatMap(scriptFaults), ...unused.map((path) => `${path}: no code binds it`), ...flags];
}
