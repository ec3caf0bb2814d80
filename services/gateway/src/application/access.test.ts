import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { ACCESS } from "./access.js";

describe("access", () => {
  it("is as in the README: the scopes of each RPC, and which leave an audit line", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const rows = [...readme.matchAll(/^\| ([A-Z]\w+(?:, [A-Z]\w+)*) \| (.+) \| (yes|no) \|$/gm)];
    const documented = rows.flatMap(([, names = "", scopes = "", audited]) =>
      names.split(", ").map((name) => {
        const found = [...scopes.matchAll(/`([^`]+)`/g)].map(([, scope]) => scope);
        return [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, { scopes: found, audited: audited === "yes" }];
      }),
    );
    assert.deepEqual(Object.fromEntries(documented), ACCESS);
  });
});
