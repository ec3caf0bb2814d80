import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ENDINGS, type Rule } from "../classify.js";
import { slowPatterns } from "./slow-rules.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Every `rules.ts` of the executor and of packages of engines, where engines have their rules. */
const FILES = ["packages", "services"].flatMap((kind) =>
  readdirSync(join(ROOT, kind)).flatMap((name) => {
    if (name !== "executor" && !name.startsWith("engine-")) return [];
    const src = join(ROOT, kind, name, "src");
    const files = readdirSync(src, { recursive: true, encoding: "utf8" });
    return files.filter((file) => basename(file) === "rules.ts").map((file) => join(src, file));
  }),
);

describe("the rules of every engine", () => {
  it("are found where engines have them", () => {
    for (const engine of ["claude-code", "engine-opencode"]) {
      assert.ok(FILES.join().includes(engine), `no rules of ${engine} among ${FILES.join()}`);
    }
  });

  for (const file of FILES) {
    it(`take time in proportion to the text: ${file.slice(ROOT.length)}`, async function () {
      this.timeout(120_000);
      const exported: Readonly<Record<string, unknown>> = await import(pathToFileURL(file).href);
      const rules = Object.values(exported).filter((value): value is Rule[] => Array.isArray(value));
      assert.ok(rules.length > 0, "exports no list of rules");
      assert.deepEqual(slowPatterns([...rules.flat(), ...ENDINGS]), []);
    });
  }

  it("are distinguished from slow rules", () => {
    const slow = { when: { text: /529.*overloaded/i }, category: "OVERLOADED", message: "m" } as const;
    assert.deepEqual(slowPatterns([slow]), ["/529.*overloaded/i is 2nd degree polynomial"]);
  });
});
