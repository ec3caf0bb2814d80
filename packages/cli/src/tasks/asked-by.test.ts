import assert from "node:assert/strict";
import { InvalidTaskError } from "@ccsp/client";
import { askedBy } from "./asked-by.js";

describe("the options that asked for what was refused", () => {
  it("are named for the fields that the queue refuses", () => {
    const fields = [
      "spec.limits.wall_time",
      "spec.attachments[0].name",
      "spec.labels[a.b]",
      "spec.retry.first_backoff",
    ];
    const error = new InvalidTaskError("INVALID_FIELD", "no", {
      fields: fields.map((field) => ({ field, description: "is wrong" })),
    });
    assert.deepEqual(askedBy(error), ["asked for by --timeout, --attach, --label, --first-backoff"]);
  });

  it("are named for what an executor or its engine refuses, once each", () => {
    for (const [message, options] of [
      ["engine opencode does not support working_folder, limits.budget_usd", "--working-folder, --budget"],
      [
        "include_files[0]: is not in a folder; include_files[1]: is not a regular file; limits.turns: at most 5 here",
        "--include, --turns",
      ],
      [
        "model, fallback_models: each has to be one name, without commas and control characters",
        "--model, --fallback-model",
      ],
      ["permission_mode: skip is not allowed here, only default, plan", "--permission-mode"],
    ] as const) {
      assert.deepEqual(askedBy(message), [`asked for by ${options}`]);
    }
  });

  it("are none for other messages", () => {
    for (const other of ["the provider refused the request (400)", new Error("spawn: failed"), undefined]) {
      assert.deepEqual(askedBy(other), []);
    }
  });
});
