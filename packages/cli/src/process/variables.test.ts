import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { VARIABLES } from "./variables.js";

/** `openBinary` of @ccsp/fleet gets these two names as arguments. */
const OF_BINARIES = ["REDIS_SERVER_BIN", "CONSUL_BIN"];

describe("the list of variables that the command reads", () => {
  it("has those that the code reads, and no other", () => {
    const read = new Set(OF_BINARIES);
    for (const folder of ["../", "../../../fleet/src/"]) {
      for (const file of sources(new URL(folder, import.meta.url))) {
        // A fleet writes into the environment of its services; that is not reading.
        for (const [, name = ""] of file.matchAll(/\benv\["([A-Z_]+)"\](?! = )/g)) read.add(name);
      }
    }
    assert.deepEqual(VARIABLES.map(({ name }) => name).toSorted(), [...read].toSorted());
  });
});

function sources(folder: URL): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(new URL(file, folder), "utf8"));
}
