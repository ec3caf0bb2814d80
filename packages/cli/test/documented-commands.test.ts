import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bareNotice, LANGUAGES, render, TEMPLATES } from "@ccsp/notification";
import { commandOf, parse, program } from "./parse.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What a page writes in capitals, for the reader to replace. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  SCOPE: "agent/some",
  CATEGORY: "timeout",
  ROLE: "viewer",
  "…": "some words",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a message has it
  "${session}": "claude-code/team",
};

/** The words of a command line, as a shell reads them. A placeholder becomes a value. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, one, two, three]) => one ?? two ?? three ?? "",
  );
  return words.map((word) => PLACEHOLDERS[word] ?? word);
}

/** What is wrong with a command line. Empty: nothing. */
async function faultOf(words: readonly string[]): Promise<string> {
  return parse(words).then(
    () => "",
    (error: Error) => error.message.split("\n")[0] ?? "",
  );
}

describe("every command of ccsp that a message names", () => {
  it("can be copied: it exists, and has all the arguments that it needs, in each language and format", async () => {
    const values = { engine: "claude-code", account: "my_team", channel: "ops", limit: "budget", name: "day" };
    const seen = new Set<string>();
    for (const [kind, language, format] of Object.keys(TEMPLATES).flatMap((each) =>
      LANGUAGES.flatMap((to) =>
        (["text", "markdown", "slack", "html"] as const).map((form) => [each, to, form] as const),
      ),
    )) {
      const notice = bareNotice({
        id: "1",
        kind,
        time: new Date(0),
        taskId: "0198-7",
        agentId: "a@b",
        subject: values,
      });
      const { title, body } = render(notice, { format, language });
      for (const [, line = ""] of `${title}\n${body}`.matchAll(/(?:`|<code>)ccsp ([^`<]*)/g)) {
        const words = wordsOf(line.replaceAll("&quot;", '"'));
        assert.doesNotMatch(line, /\u200b/, `${kind} ${language} ${format}`);
        if (!seen.has(line)) assert.equal(await faultOf(words), "", `${kind} ${language} ${format}: ccsp ${line}`);
        seen.add(line);
      }
    }
    assert.ok(seen.size >= 6, [...seen].join());
  });
});

describe("every command of ccsp that a page names", () => {
  const pages = globSync(
    "{README.md,docs/*.md,services/*/README.md,packages/*/README.md,deploy/**/*.md,k8s/README.md}",
    { cwd: ROOT },
  );
  // Messages tell people what to do about an alert and about a lost login, with the whole command.
  const messages = ["services/monitor/src/alerts/domain/default-rules.ts", "services/monitor/src/session/notices.ts"];
  pages.push(...messages);

  it("exists, and takes the arguments that stand behind it", async () => {
    assert.ok(pages.length > 40, pages.join());
    const root = await program();
    const wrong: string[] = [];
    for (const page of pages) {
      const text = readFileSync(`${ROOT}/${page}`, "utf8");
      // Options of `ccsp` itself, and forms such as `ccsp COMMAND --help`, name no command.
      for (const [, line = ""] of text.matchAll(/`ccsp ([a-z][^`\n|]*)/g)) {
        const words = wordsOf(line.replace(/\\$/, ""));
        if (words.includes("--help")) continue;
        const found = commandOf(root, words);
        // A name alone, such as `ccsp budget set`, is not a command line.
        if (found?.rest.length === 0 && !messages.includes(page)) continue;
        const fault = found ? await faultOf(words) : "no such command";
        if (fault) wrong.push(`${page}: ccsp ${line}: ${fault}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
