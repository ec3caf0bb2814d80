import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What a page says of one of its code blocks, in a comment above the block. */
export type Mark =
  | { readonly kind: "run"; readonly inRepository: boolean }
  /** Only `bare-debian.slow.test.ts` runs it: it needs a machine of its own. */
  | { readonly kind: "run-bare"; readonly asRoot: boolean }
  | { readonly kind: "not-run"; readonly reason: string };

export interface Block {
  /** Path of the page, from the root of the repository. */
  readonly page: string;
  /** Line of the opening fence. */
  readonly line: number;
  /** The word after the fence; "" when there is none. */
  readonly language: string;
  readonly text: string;
  /** Undefined when the page says nothing. */
  readonly mark: Mark | undefined;
  /** A comment above the block that looks like a mark but is not valid. */
  readonly badMark: string | undefined;
}

/** Every page that readers see. The changelog quotes old commands, and decisions are not instructions. */
export const pages = (): readonly string[] =>
  filesLike("*.md").filter((page) => page !== "CHANGELOG.md" && !page.startsWith("docs/adr/"));

/** The files of the repository that match, also those that are not committed yet, as paths from its root. */
export function filesLike(pattern: string): readonly string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", pattern];
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).split("\0").filter(Boolean);
}

export const readPage = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** The code blocks of a page, from top to bottom. A fence may be indented, as in a list. */
export function blocksOf(page: string, markdown = readPage(page)): readonly Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence = "", language = ""] = /^( *)(`{3,})(\w*)/.exec(lines[at] ?? "") ?? [];
    if (fence === "") continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence);
    const body = lines.slice(at + 1, end === -1 ? undefined : end).map((line) => line.replace(indent, ""));
    blocks.push({ page, line: at + 1, language, text: `${body.join("\n")}\n`, ...markOf(lines, at) });
    at = end === -1 ? lines.length : end;
  }
  return blocks;
}

/** The mark stands in the line above the block, or above the empty line above the block. */
function markOf(lines: readonly string[], at: number): Pick<Block, "mark" | "badMark"> {
  const above = lines[at - 1]?.trim() === "" ? lines[at - 2] : lines[at - 1];
  const [, comment] = /^ *<!-- (.*) -->$/.exec(above ?? "") ?? [];
  if (comment === undefined) return { mark: undefined, badMark: undefined };
  const [, reason] = /^not run: (.{8,})$/.exec(comment) ?? [];
  if (reason !== undefined) return { mark: { kind: "not-run", reason }, badMark: undefined };
  const mark = MARKS[comment];
  return { mark, badMark: mark === undefined ? comment : undefined };
}

const MARKS: Readonly<Record<string, Mark>> = {
  run: { kind: "run", inRepository: false },
  "run: in the repository": { kind: "run", inRepository: true },
  "run: on a bare machine": { kind: "run-bare", asRoot: false },
  "run: on a bare machine, as root": { kind: "run-bare", asRoot: true },
};
