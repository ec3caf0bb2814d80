import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { faultsOf } from "./check-settings.js";

describe("the check of a service's settings in a process of its own", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "ccsp-check-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const program = (code: string): string => {
    const path = join(dir, "main.mjs");
    writeFileSync(path, code);
    return path;
  };

  it("ends, and says so, when a plugin never settles", async () => {
    const hangs = program("setInterval(() => undefined, 1_000)");
    assert.deepEqual(await faultsOf([hangs], {}, 500), [`${hangs} --check-config: did not end within 0.5 s`]);
  });

  it("gives the code of the end when the program says nothing", async () => {
    const silent = program("process.exitCode = 3");
    assert.deepEqual(await faultsOf([silent], {}), [`${silent} --check-config: ended with code 3 and said nothing`]);
  });

  it("gives what the program says, without its heading", async () => {
    const says = program('console.error("2 faults:\\n  A is wrong\\n  B is wrong\\n"); process.exitCode = 2');
    assert.deepEqual(await faultsOf([says], {}), ["A is wrong", "B is wrong"]);
    assert.deepEqual(await faultsOf([program("")], {}), []);
  });
});
