import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, ROOT } from "./blocks.js";
import { linkPackages, typescriptFile } from "./examples.js";

/**
 * One shell script that runs the marked blocks of a page from top to bottom, in one shell and in `folder`. A block may
 * use what an earlier one set. The script stops at the first command that fails, and its output says where.
 */
export function sessionOf(blocks: readonly Block[], folder: string, { python }: { python: boolean }): string {
  linkPackages(folder);
  const steps = blocks.flatMap((block) => {
    if (block.mark?.kind !== "run" || (block.language === "python" && !python)) return [];
    const where = `echo "── ${block.page}:${block.line}" >&2`;
    return [
      `${where}\n${block.mark.inRepository ? `(cd '${ROOT}'\n${commandsOf(block, folder)})\n` : commandsOf(block, folder)}`,
    ];
  });
  return steps.length === 0 ? "" : `set -euo pipefail\n${steps.join("")}`;
}

function commandsOf(block: Block, folder: string): string {
  if (block.language === "sh") return `set -x\n${block.text}{ set +x; } 2>/dev/null\n`;
  const file = join(folder, `example-${block.line}.${block.language === "ts" ? "ts" : "py"}`);
  writeFileSync(file, block.language === "ts" ? typescriptFile(block) : block.text);
  return block.language === "ts" ? `node '${file}'\n` : `python3 '${file}'\n`;
}
