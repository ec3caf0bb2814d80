import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { MARKERS as SIMULATOR_MARKERS } from "../src/simulator/markers.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const ENGINE = readFileSync(new URL("../engine/markers.mjs", import.meta.url), "utf8");

describe("the testkit's README", () => {
  it("lists every marker of the simulator and no other", () => {
    assert.deepEqual(new Set(table("## The simulator")), new Set(SIMULATOR_MARKERS));
  });

  it("lists every marker of the scripted engine and no other, in the engine's order", () => {
    const [, list = ""] = /MARKERS = \[([^\]]*)\]/.exec(ENGINE) ?? [];
    assert.deepEqual(
      table("## The scripted engine"),
      [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1]),
    );
  });
});

/** Returns the first column of the table in this section. */
function table(heading: string): (string | undefined)[] {
  const [, section = ""] = README.split(`${heading}\n`);
  const [body = ""] = section.split("\n## ");
  return [...body.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]);
}
