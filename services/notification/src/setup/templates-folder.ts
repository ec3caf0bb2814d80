import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Overrides, parseTemplate, templateName } from "../text/render.js";
import { ANY_KIND, TEMPLATES } from "../text/templates.js";

/** The longest template, in bytes. */
const LONGEST = 64 * 1024;

/**
 * Reads the templates of the operator: files `KIND.LANGUAGE.mustache`, whose first line is the title and whose rest is
 * the text. What to do is that of the built-in template. Rejects with an Error that names the file that is wrong.
 */
export async function readTemplates(folder: string): Promise<Overrides> {
  const overrides: Record<string, Record<string, ReturnType<typeof parseTemplate>>> = {};
  for (const file of (await readdir(folder)).sort()) {
    if (!file.endsWith(".mustache")) continue;
    const path = join(folder, file);
    const name = templateName(file);
    if (name === undefined)
      throw new Error(`${path}: the name must be KIND.LANGUAGE.mustache, such as task.failed.ja.mustache`);
    try {
      const source = await readFile(path, "utf8");
      if (source.length > LONGEST) throw new Error(`is longer than ${LONGEST} bytes`);
      const { whatToDo } = (TEMPLATES[name.kind] ?? ANY_KIND)[name.language];
      overrides[name.kind] = { ...overrides[name.kind], [name.language]: { ...parseTemplate(source), whatToDo } };
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return overrides;
}
