import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { anchorOf } from "@ccsp/docs-generator/markdown.js";

const NOT_OURS = new Set(["node_modules", "dist", "gen"]);

describe("The documentation", () => {
  it("links only to files and headings that exist", () => {
    const pages = filesUnder(ROOT, /\.md$/);
    assert(pages.length > 20, "the pages were not found");
    assert.deepEqual(pages.flatMap(brokenLinks), []);
  });

  it("names each page of docs once in docs/README.md, which is the map", () => {
    const named = [...readFileSync(join(ROOT, "docs/README.md"), "utf8").matchAll(/^\| \[[^\]]+\]\(([\w-]+\.md)\)/gm)];
    const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
    assert.deepEqual(named.map(([, page = ""]) => page).toSorted(), pages.toSorted());
  });

  it("has every page that code and settings name", () => {
    const files = filesUnder(ROOT, /\.(ts|lua|proto|conf)$/);
    assert(files.length > 500, "the code was not found");
    assert.deepEqual(files.flatMap(missingPages), []);
  });
});

function filesUnder(folder: string, name: RegExp): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path, name);
    return entry.isFile() && name.test(entry.name) ? [path] : [];
  });
}

function brokenLinks(page: string): string[] {
  const links = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target)).map(at(page));
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? page : resolve(dirname(page), path);
  return existsSync(file) && (heading === undefined || anchorsOf(file).includes(heading));
}

const anchorsOf = (page: string): string[] =>
  [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => anchorOf(text));

/** A code example may contain a line that looks like a heading. */
const withoutCode = (page: string) => readFileSync(page, "utf8").replace(/^```.*?^```/gms, "");

function missingPages(file: string): string[] {
  const pages = readFileSync(file, "utf8").match(/\bdocs\/(?:adr\/)?[\w-]+\.md\b/g) ?? [];
  return pages.filter((page) => !existsSync(join(ROOT, page))).map(at(file));
}

const at = (file: string) => (what: string) => `${relative(ROOT, file)}: ${what}`;
