import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logFiles, openFleetLog } from "./fleet-log.js";
import { outputToLog } from "./fleet-output.js";

describe("the log of a fleet in the background", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "ccsp-fleet-log-"));
    path = join(dir, "fleet.log");
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const content = (file = path) => readFileSync(file, "utf8");

  it("continues after the lines of earlier fleets, and only its owner can read it", () => {
    writeFileSync(path, "earlier\n", { mode: 0o644 });
    const log = openFleetLog(path);
    assert.equal(log.append("now"), true);
    log.close();
    assert.equal(content(), "earlier\nnow\n");
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("is renamed before it becomes too large, and only a fixed number of old logs is kept", async () => {
    const log = openFleetLog(path, { bytes: 10, files: 3 });
    for (const line of ["one", "two", "three", "four", "five", "six", "a line that is too long by itself"])
      log.append(line);
    log.close();
    assert.deepEqual(readdirSync(dir).sort(), ["fleet.log", "fleet.log.1", "fleet.log.2"]);
    assert.deepEqual((await logFiles(path)).map(content), [
      "a line that is too long by itself\n",
      "six\n",
      "four\nfive\n",
    ]);
  });

  it("lists older logs by their age, and no other files", async () => {
    for (const name of ["fleet.log.10", "fleet.log.2", "fleet.log.gz", "fleet.logs"])
      writeFileSync(join(dir, name), "");
    assert.deepEqual(await logFiles(path), [path, `${path}.2`, `${path}.10`]);
  });

  it("survives lines that cannot be written, says how many there were, and continues", () => {
    mkdirSync(path); // a folder cannot be opened as a log
    const output = outputToLog(openFleetLog(path));
    output.line({ source: "queue-1", line: "lost" });
    output.tell("lost as well");
    rmSync(path, { recursive: true });
    output.line({ source: "queue-1", line: "kept" });
    output.close();
    assert.deepEqual(
      content()
        .trimEnd()
        .split("\n")
        .map((line) =>
          /"source":"([^"]+)".*(kept|2 lines before this one could not be written here)/.exec(line)?.slice(1),
        ),
      [
        ["queue-1", "kept"],
        ["fleet", "2 lines before this one could not be written here"],
      ],
    );
  });
});
