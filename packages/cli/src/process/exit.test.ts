import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { CcspError } from "@ccsp/client";
import { REASONS } from "@ccsp/errors";
import { CallError, STATUS_OF } from "@ccsp/grpc-kit";
import { exitCodeOf } from "../connection/failed-call.js";
import { EXIT, EXIT_HELP } from "./exit.js";

describe("the exit code of an error", () => {
  it("depends on the reason alone, whether the gateway, the queue or an executor refused", () => {
    for (const reason of REASONS) {
      const details = { reason, metadata: {}, fields: [], retryAfterMs: undefined, quota: [], preconditions: [] };
      const atQueue = exitCodeOf(new CallError(STATUS_OF[reason], "no", details));
      assert.equal(exitCodeOf(new CcspError(reason, "no")), atQueue, reason);
    }
    const expected = {
      INVALID_FIELD: 2,
      TOKEN_MISSING: 3,
      SCOPE_MISSING: 3,
      TASK_NOT_FOUND: 4,
      QUEUE_FULL: 5,
      SUBMIT_STOPPED: 7,
      BUDGET_EXHAUSTED: 7,
      INTERNAL: 1,
    } as const;
    for (const reason of REASONS.filter((each) => each in expected)) {
      assert.equal(exitCodeOf(new CcspError(reason, "no")), Reflect.get(expected, reason), reason);
    }
  });

  it("is 1 for an error that is not a refusal", () => {
    for (const bug of [new Error("a bug"), "a string", undefined]) assert.equal(exitCodeOf(bug), EXIT.failed);
  });

  it("is explained in --help and in the README", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    for (const code of Object.values(EXIT)) {
      assert.match(EXIT_HELP, new RegExp(`^  ${code} `, "m"));
      assert.match(readme, new RegExp(`^\\| ${code} \\| `, "m"));
    }
  });
});
