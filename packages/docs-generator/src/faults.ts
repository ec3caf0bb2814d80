import type { Block } from "./blocks.js";

/** Languages of commands: such a block says whether it runs. */
const COMMANDS = new Set(["sh", "bash", "shell", "console"]);
/** Languages that can run. Blocks of `ts` and `python` without a mark are compiled only. */
const RUNNABLE = new Set(["sh", "ts", "python"]);
/** What the first line of a block of commands begins with. */
const COMMAND =
  /^(?:\$ |(?:[A-Z_]+=\S* )*(?:alias|apt-get|ccsp|cd|curl|deploy\/\S+|docker|git|go|java|kubectl|make|mvn|node|npm|npx|pip|pip3|pnpm|protoc|buf|python3?|redis-(?:cli|server)|source|ssh|systemctl)(?= |$))/;

/** What is wrong with the marks of these blocks, one sentence each. */
export const faultsOf = (blocks: readonly Block[]): readonly string[] =>
  blocks.flatMap((block) => {
    const what = faultOf(block);
    return what === undefined ? [] : [`${block.page}:${block.line}: ${what}`];
  });

function faultOf({ language, text, mark, badMark }: Block): string | undefined {
  if (badMark !== undefined) return `"<!-- ${badMark} -->" is not a valid mark: see docs/testing.md`;
  if (mark !== undefined && mark.kind !== "not-run" && !RUNNABLE.has(language)) {
    return `a block of "${language}" cannot run: use sh, ts or python`;
  }
  if (COMMANDS.has(language) && mark === undefined) {
    return 'say whether this block runs: "<!-- run -->" or "<!-- not run: a reason -->" above it';
  }
  const first =
    text
      .replaceAll("\\\n", "")
      .split("\n")
      .find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "";
  if (language === "" && COMMAND.test(first)) return "these are commands: write ```sh, and say whether the block runs";
  return undefined;
}
