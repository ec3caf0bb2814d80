import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFile, replaceFiles } from "./replace-files.js";

describe("a file that is replaced", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-replace-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("has the new content, and only its owner can read it, also when others could read the one before", async () => {
    const path = join(dir, "file");
    await writeFile(path, "before", { mode: 0o644 });
    await replaceFile(path, "after");
    assert.equal(await readFile(path, "utf8"), "after");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir), ["file"]);
  });

  it("changes none of several files when one of them cannot be written", async () => {
    const path = join(dir, "certificate");
    await writeFile(path, "before");
    await assert.rejects(replaceFiles({ [path]: "after", [join(dir, "no", "folder")]: "key" }), { code: "ENOENT" });
    assert.equal(await readFile(path, "utf8"), "before");
    assert.deepEqual(await readdir(dir), ["certificate"]);
  });

  it("leaves nothing behind when it cannot be replaced", async () => {
    await mkdir(join(dir, "file"));
    await assert.rejects(replaceFile(join(dir, "file"), "secret"), { code: "EISDIR" });
    assert.deepEqual(await readdir(dir), ["file"]);
  });
});
