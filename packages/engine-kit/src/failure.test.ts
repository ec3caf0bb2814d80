import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { ERROR_CATEGORIES, runFailure } from "./failure.js";

const fromRoot = (path: string): Promise<string> => readFile(new URL(`../../../${path}`, import.meta.url), "utf8");

/** Only the queue uses this category: no run ends in it. */
const OF_THE_QUEUE = "EXECUTOR_LOST";

describe("categories of failures", () => {
  const inProto = async (): Promise<readonly string[]> => {
    const proto = await fromRoot("proto/ccsp/task/v1/task.proto");
    return [...proto.matchAll(/^ {2}ERROR_CATEGORY_(\w+) = [1-9]\d*;/gm)].map(([, name = ""]) => name);
  };

  it("are those of the proto, and those of the queue", async () => {
    assert.deepEqual([...ERROR_CATEGORIES, OF_THE_QUEUE].toSorted(), (await inProto()).toSorted());
  });

  it("are each documented in docs/troubleshooting.md, in the proto's order, with whether they are retried", async () => {
    const docs = await fromRoot("docs/troubleshooting.md");
    const rows = [...docs.matchAll(/^\| ([A-Z_]+) \| .+? \| (.+?) \| .+ \|$/gm)];
    assert.deepEqual(
      rows.map(([, name]) => name),
      await inProto(),
    );
    for (const category of ERROR_CATEGORIES) {
      const [, , again = ""] = rows.find(([, name]) => name === category) ?? [];
      // An engine cannot try again after its login ended. But a person can renew the login.
      const retryable = runFailure(category, "m").retryable || category === "SESSION_TIMEOUT";
      assert.equal(!again.startsWith("no"), retryable, `${category}: ${again}`);
    }
  });

  it("are each explained in docs/engines.md, except for the cancel", async () => {
    const docs = await fromRoot("docs/engines.md");
    const missing = ERROR_CATEGORIES.filter((category) => !new RegExp(`\\| ${category}\\b`).test(docs));
    assert.deepEqual(missing, ["CANCELLED"]);
  });
});
