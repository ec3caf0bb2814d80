import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, blocksOf, pages, ROOT, readPage } from "@ccsp/docs-generator/blocks.js";
import { usedSettings } from "@ccsp/docs-generator/configuration.js";
import { compile, compilePython } from "@ccsp/docs-generator/examples.js";
import { faultsOf } from "@ccsp/docs-generator/faults.js";
import { generatedPages } from "@ccsp/docs-generator/generated.js";
import { skip } from "@ccsp/testkit";

describe("The examples in the documentation", () => {
  const blocks = pages().flatMap((page) => blocksOf(page));
  /** The READMEs of inner packages show fragments, which nobody copies as a whole. */
  const forUsers = /^(?:README|docs\/|clients\/|packages\/client\/)/;
  const compiled = (language: string): readonly Block[] =>
    blocks.filter(
      ({ page, ...block }) => forUsers.test(page) && block.language === language && block.mark?.kind !== "not-run",
    );

  it("say of each block of commands whether a test runs it, or why not", () => {
    assert.ok(blocks.length > 40, "the blocks were not found");
    assert.deepEqual(faultsOf(blocks), []);
  });

  it("fit the SDK and the kits, if they are TypeScript", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ccsp-docs-"));
    try {
      assert.equal(await compile(compiled("ts"), folder), "");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("compile, if they are Python", async function () {
    try {
      execFileSync("python3", ["--version"]);
    } catch {
      skip(this, "python3 is not installed");
    }
    assert.equal(await compilePython(compiled("python")), "");
  });
});

describe("The generated pages", () => {
  it("are those that the settings and the errors make: run `make docs`", async () => {
    for (const [page, text] of Object.entries(await generatedPages())) {
      assert.equal(readPage(page), text, `${page} is out of date: run \`make docs\``);
    }
  });

  it("say the values of settings in words: a setting with a pattern has a form too", async () => {
    const patterns = (await usedSettings()).filter(({ setting }) => setting.form.includes("/^"));
    assert.deepEqual(
      patterns.map(({ setting }) => setting.name),
      [],
    );
  });
});

describe("The number of the release", () => {
  it("is part of a name or a tag where .ci/set-version replaces it, so that it rewrites no history", () => {
    const { version } = JSON.parse(readPage("package.json"));
    const [, places = ""] = /^places=\((.*?)\)$/ms.exec(readPage(".ci/set-version")) ?? [];
    const paths = [...places.matchAll(/':?([^']+)'|(\S+)/g)].map(([, quoted, plain]) =>
      quoted ? `:${quoted}` : (plain ?? ""),
    );
    const found = execFileSync("git", ["grep", "-n", "-F", version, "--", ...paths], { cwd: ROOT, encoding: "utf8" });
    const lines = found.split("\n").filter((line) => line !== "");
    assert.ok(lines.length > 20, "the places were not found");
    const alone = new RegExp(`(?<![\\w:=\`"-]|: )${version.replaceAll(".", "\\.")}`);
    assert.deepEqual(
      lines.filter((line) => alone.test(line.replace(/^[^:]+:\d+:/, ""))),
      [],
    );
  });
});

describe("The page of symptoms", () => {
  it("quotes messages that the command really has", () => {
    const [, table = ""] = readPage("docs/troubleshooting.md").split("## What you see");
    const symptoms = [...table.matchAll(/^\| (\*\*.*?) \|/gm)].map(([, cell = ""]) => cell);
    const quoted = symptoms.flatMap((cell) =>
      [...cell.matchAll(/`([a-z][^`]*? [^`]*?)(?: …)?`/g)].map(([, text = ""]) => text),
    );
    assert.ok(quoted.length >= 4, "the messages were not found");
    const code = execFileSync(
      "git",
      ["grep", "-h", "-e", ".", "--", "packages/cli/src/*.ts", "packages/fleet/src/*.ts"],
      {
        cwd: ROOT,
        encoding: "utf8",
      },
    );
    assert.deepEqual(
      quoted.filter((text) => !code.includes(text)),
      [],
    );
  });
});

describe("The marks of a block", () => {
  const faults = (markdown: string) => faultsOf(blocksOf("p.md", markdown));
  const commands = "```sh\nccsp list\n```\n";

  it("are needed by commands, also by those that are not called so", () => {
    assert.deepEqual(faults(commands), [
      'p.md:1: say whether this block runs: "<!-- run -->" or "<!-- not run: a reason -->" above it',
    ]);
    assert.deepEqual(faults("text\n\n```\n# a comment\nA=1 ccsp list\n```\n"), [
      "p.md:3: these are commands: write ```sh, and say whether the block runs",
    ]);
    assert.deepEqual(faults("```\na picture ──▶ of something\n```\n"), []);
  });

  it("say that it runs, where, or why not", () => {
    for (const mark of ["run", "run: in the repository", "run: on a bare machine", "not run: it takes an hour"]) {
      assert.deepEqual(faults(`<!-- ${mark} -->\n${commands}`), [], mark);
      assert.deepEqual(faults(`<!-- ${mark} -->\n\n${commands}`), [], mark);
    }
    const indented = "1. First:\n\n   <!-- run -->\n   ```sh\n   ccsp list\n   ```\n";
    assert.deepEqual(faults(indented), []);
    assert.equal(blocksOf("p.md", indented)[0]?.text, "ccsp list\n");
  });

  it("are refused when they are misspelt, give no reason, or cannot be kept", () => {
    const mark = (text: string, block = commands) => faults(`<!-- ${text} -->\n${block}`).join();
    assert.match(mark("runs"), /p\.md:2: "<!-- runs -->" is not a valid mark/);
    assert.match(mark("not run: no"), /is not a valid mark/);
    assert.match(mark("run", "```yaml\na: 1\n```\n"), /a block of "yaml" cannot run/);
  });
});
