import assert from "node:assert/strict";
import { connectionFault } from "./why-unreachable.js";

describe("the cause of a failed connection", () => {
  const causeIn = (lastError: string) =>
    connectionFault(
      new Error(`No connection established. Last error: ${lastError}. Resolution note: `, { cause: undefined }),
    );

  it("is what grpc-js says", () => {
    assert.equal(causeIn("connect ECONNREFUSED 127.0.0.1:3000"), "connect ECONNREFUSED 127.0.0.1:3000");
  });

  it("is unknown when grpc-js only says that it failed, so that the client looks for itself", () => {
    for (const words of ["null", "Failed to connect (2026-11-27T04:39:44.103Z)"]) {
      assert.equal(causeIn(words), undefined, words);
    }
  });
});
