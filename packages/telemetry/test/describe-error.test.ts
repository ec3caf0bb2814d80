import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

describe("the description of an error, where CCSP is in a folder with a space in its name", () => {
  let top: string;
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), "ccsp-my projekté-"));
  });
  afterEach(() => rmSync(top, { recursive: true }));

  it("has the messages of CCSP and their stack frames", async () => {
    const source = join(top, "packages/telemetry/src");
    mkdirSync(source, { recursive: true });
    copyFileSync(new URL("../src/describe-error.ts", import.meta.url), join(source, "describe-error.ts"));
    // Stack frames have paths where there is a source map, and URLs otherwise.
    for (const name of ["maker.ts", "maker.mjs"]) {
      writeFileSync(join(source, name), 'export function make() {\n  return new Error("no port is free");\n}\n');
      const { describeError } = await import(pathToFileURL(join(source, "describe-error.ts")).href);
      const { make } = await import(pathToFileURL(join(source, name)).href);
      const { message, stack } = describeError(make());
      assert.equal(message, "no port is free", name);
      assert.match(stack, new RegExp(`^ {4}at make .*${name}:2:10\\)$`, "m"));
    }
  });
});
