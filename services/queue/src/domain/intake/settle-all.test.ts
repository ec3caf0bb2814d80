import assert from "node:assert/strict";
import { settleAll } from "./settle-all.js";

describe("settling all", () => {
  it("returns outcomes in the order of the items, whether their work throws, rejects, resolves or ends at once", async () => {
    const fault = new Error("no");
    const work: readonly (() => number | Promise<number>)[] = [
      () => Promise.resolve(0),
      () => 1,
      () => {
        throw fault;
      },
      () => Promise.reject(fault),
    ];
    assert.deepEqual(await settleAll(work, (each, index) => (index === 1 ? 10 : each())), [
      { status: "fulfilled", value: 0 },
      { status: "fulfilled", value: 10 },
      { status: "rejected", reason: fault },
      { status: "rejected", reason: fault },
    ]);
  });
});
