import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commandOf, parse, program } from "./parse.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What a page writes in capitals, for the reader to replace. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  SCOPE: "agent/some",
  CATEGORY: "timeout",
  ROLE: "viewer",
  "…": "some words",
};

/** The words of a command line, as a shell reads them. A placeholder becomes a value. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, one, two, three]) => one ?? two ?? three ?? "",
  );
  return words.map((word) => PLACEHOLDERS[word] ?? word);
}

describe("every command of ccsp that a page names", () => {
  const pages = globSync(
    "{README.md,docs/*.md,services/*/README.md,packages/*/README.md,deploy/**/*.md,k8s/README.md}",
    { cwd: ROOT },
  );

  it("exists, and takes the arguments that stand behind it", async () => {
    assert.ok(pages.length > 40, pages.join());
    const root = await program();
    const wrong: string[] = [];
    for (const page of pages) {
      const text = readFileSync(`${ROOT}/${page}`, "utf8");
      // Options of `ccsp` itself, and forms such as `ccsp COMMAND --help`, name no command.
      for (const [, line = ""] of text.matchAll(/`ccsp ([a-z][^`\n|]*)/g)) {
        const words = wordsOf(line);
        if (words.includes("--help")) continue;
        const found = commandOf(root, words);
        // A name alone, such as `ccsp budget set`, is no command line.
        if (found?.rest.length === 0) continue;
        const fault = found
          ? await parse(words).then(
              () => "",
              (error: Error) => error.message,
            )
          : "no such command";
        if (fault) wrong.push(`${page}: ccsp ${line}: ${fault.split("\n")[0]}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
