import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, link, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readBrought } from "./brought.js";

describe("what a working folder brings", () => {
  let host: string;
  let root: string;
  let repository: string;
  let work: string;
  beforeEach(async () => {
    host = await realpath(await mkdtemp(join(tmpdir(), "ccsp-brought-test-")));
    root = join(host, "root");
    repository = join(root, "repository");
    work = join(repository, "a", "b");
    await mkdir(join(repository, ".git"), { recursive: true });
    await mkdir(work, { recursive: true });
  });
  afterEach(() => rm(host, { recursive: true, force: true }));

  const put = async (path: string, content: unknown): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  };
  const texts = (instructions: string): readonly string[] => instructions.match(/TEXT-\w+/g) ?? [];

  it("is CLAUDE.md of the repository's root, then its own, without what they import and what is between them", async () => {
    await put(join(repository, "CLAUDE.md"), "TEXT-repository");
    await put(join(repository, "a", "CLAUDE.md"), "TEXT-between");
    await put(join(work, "CLAUDE.md"), "TEXT-own\n@more.md");
    await put(join(work, "more.md"), "TEXT-imported");
    const { instructions, ignored } = await readBrought(root, work);
    assert.deepEqual(texts(instructions), ["TEXT-repository", "TEXT-own"]);
    assert.ok(instructions.includes(join(repository, "CLAUDE.md")), instructions);
    assert.deepEqual(ignored, []);
  });

  it("is nothing from outside the allowed root, also if the repository begins there", async () => {
    await put(join(repository, "CLAUDE.md"), "TEXT-outside");
    await put(join(work, "CLAUDE.md"), "TEXT-own");
    const { instructions } = await readBrought(join(repository, "a"), work);
    assert.deepEqual(texts(instructions), ["TEXT-own"]);
  });

  it("does not end the run where a file may not be read or is broken, and the log names it", async () => {
    await put(join(work, ".claude", "settings.json"), "{broken");
    await put(join(work, "CLAUDE.md"), "TEXT-own");
    await chmod(join(work, "CLAUDE.md"), 0);
    await chmod(host, 0o755);
    // Root may read everything.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      const { instructions, ignored } = await readBrought(root, work);
      assert.deepEqual([instructions, ignored], ["", ["CLAUDE.md (access)", ".claude/settings.json (not JSON)"]]);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it("is no link, no pipe and no text of more than 64 KiB in all, and the log names each by its name only", async () => {
    await put(join(host, "secret"), "TEXT-secret");
    await symlink(join(host, "secret"), join(work, "CLAUDE.md"));
    execFileSync("mkfifo", [join(repository, "CLAUDE.md")]);
    const { instructions, ignored } = await readBrought(root, work);
    assert.deepEqual([instructions, ignored], ["", ["CLAUDE.md (link)", "CLAUDE.md of the repository (kind)"]]);

    for (const folder of [work, repository]) await rm(join(folder, "CLAUDE.md"));
    await put(join(work, "CLAUDE.md"), `TEXT-own ${"x".repeat(40 * 1024)}`);
    await put(join(repository, "CLAUDE.md"), `TEXT-repository ${"x".repeat(40 * 1024)}`);
    const large = await readBrought(root, work);
    assert.deepEqual(texts(large.instructions), ["TEXT-own"]);
    assert.deepEqual(large.ignored, ["CLAUDE.md of the repository (bytes)"]);
  });

  it("is nothing when somebody put a link in the place of the folder, its settings or a folder above it", async () => {
    const other = join(host, "other");
    await put(join(other, "CLAUDE.md"), "TEXT-other");
    await put(join(other, "b", "CLAUDE.md"), "TEXT-other");
    await put(join(other, ".claude", "settings.json"), { permissions: { deny: ["Read"] } });
    await symlink(join(other, ".claude"), join(work, ".claude"));
    assert.deepEqual(await readBrought(root, work), {
      instructions: "",
      denied: [],
      settings: [],
      ignored: [".claude"],
    });
    for (const place of [work, dirname(work)]) {
      await rm(place, { recursive: true });
      await symlink(other, place);
      const { instructions, ignored } = await readBrought(root, work);
      assert.deepEqual([instructions, ignored], ["", ["the working folder (kind)"]]);
    }
  });

  it("is what its settings deny, and none of their other words", async () => {
    const deny = ["Bash(rm *)", "Read(./own)", "Read(/rooted/**)", "Read(//absolute)", 7];
    const hooks = { SessionStart: [] };
    await put(join(work, ".claude", "settings.json"), {
      permissions: { deny, allow: ["Bash"] },
      hooks,
      apiKeyHelper: "evil",
      "a key that anybody chose": true,
    });
    await put(join(work, ".claude", "settings.local.json"), { permissions: { deny: ["WebFetch"] }, model: "m" });
    await put(join(repository, ".claude", "settings.json"), { permissions: { deny: ["Read(/top)"] } });
    await put(join(repository, ".mcp.json"), {});
    await put(join(work, ".claude", "agents", "a.md"), "");
    const { denied, ignored, settings } = await readBrought(root, work);
    assert.deepEqual(denied, [
      "WebFetch",
      "Bash(rm *)",
      "Read(./own)",
      `Read(/${work}/rooted/**)`,
      "Read(//absolute)",
      `Read(/${repository}/top)`,
    ]);
    assert.deepEqual(ignored, [
      "model in .claude/settings.local.json",
      "hooks in .claude/settings.json",
      "apiKeyHelper in .claude/settings.json",
      "permissions.allow in .claude/settings.json",
      ".claude/agents",
      ".mcp.json of the repository",
    ]);
    assert.equal(settings.length, 2);
  });

  it("is read from files that people share, with several names and other owners", async () => {
    await put(join(host, "one-name"), "TEXT-own");
    await link(join(host, "one-name"), join(work, "CLAUDE.md"));
    assert.deepEqual(texts((await readBrought(root, work)).instructions), ["TEXT-own"]);
  });
});
