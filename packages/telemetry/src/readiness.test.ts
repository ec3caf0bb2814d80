import assert from "node:assert/strict";
import { runChecks } from "./readiness.js";

describe("readiness checks", () => {
  it("find nothing wrong when all pass", async () => {
    assert.deepEqual(await runChecks({ redis: async () => {}, disk: () => {} }), {});
  });

  it("name each one that fails, with its reason", async () => {
    const checks = {
      redis: async () => {
        throw new Error("connection refused");
      },
      disk: () => {
        throw new Error("full");
      },
      queue: async () => {},
    };
    assert.deepEqual(await runChecks(checks), { redis: "connection refused", disk: "full" });
  });

  it("count one that does not answer in time as failed", async () => {
    assert.deepEqual(await runChecks({ redis: () => new Promise(() => {}) }, 5), { redis: "no answer within 5 ms" });
  });
});
