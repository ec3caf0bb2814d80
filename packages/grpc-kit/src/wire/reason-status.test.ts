import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { STATUS_OF } from "./reason-status.js";

describe("the status of a reason", () => {
  it("is the one that docs/troubleshooting.md promises", async () => {
    const docs = await readFile(new URL("../../../../docs/troubleshooting.md", import.meta.url), "utf8");
    const promised = [...docs.matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \|/gm)].map(([, reason, code]) => [reason, code]);
    const sent = Object.entries(STATUS_OF).map(([reason, code]) => [reason, status[code]]);
    assert.deepEqual(promised, sent);
  });
});
