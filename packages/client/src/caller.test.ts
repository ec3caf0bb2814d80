import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import { createCaller } from "./caller.js";
import { UnavailableError } from "./errors.js";
import { createTokenSource } from "./token.js";

const NOTHING = { metadata: {}, fields: [], retryAfterMs: undefined, quota: [], preconditions: [] };
const away = new CallError(status.UNAVAILABLE, "no server there");
const late = new CallError(status.DEADLINE_EXCEEDED, "no answer within 2 s");
const stopping = new CallError(status.UNAVAILABLE, "stopping", { ...NOTHING, reason: "SHUTTING_DOWN" });

/** A call that fails with these errors, one after the other, and then succeeds. */
function failing(...errors: Error[]): () => Promise<string> {
  return async () => {
    const [error] = errors.splice(0, 1);
    if (error) throw error;
    return "answer";
  };
}

describe("the calls of a client", () => {
  const OPTIONS = {
    target: "127.0.0.1:1",
    tokens: createTokenSource({ token: "a-token" }),
    resumeMs: 60_000,
    connectMs: 0,
    closed: new AbortController().signal,
  };
  const createNew = () => createCaller(OPTIONS);

  it("are given up after connectMs when no gateway has ever answered", async () => {
    await assert.rejects(createNew().unary({}, failing(away)), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /^no gateway could be reached at 127.0.0.1:1/);
      return true;
    });
  });

  it("are repeated for connectMs until a gateway answers, also if resumeMs is shorter", async () => {
    const patient = createCaller({ ...OPTIONS, resumeMs: 0, connectMs: 60_000 });
    assert.equal(await patient.unary({}, failing(away)), "answer");
    await assert.rejects(patient.unary({}, failing(away)), UnavailableError);
  });

  it("end with their signal, and when the client is closed, while the token does not come", async () => {
    const closed = new AbortController();
    const token = () => new Promise<string>(() => {});
    const caller = createCaller({ ...OPTIONS, tokens: createTokenSource({ token }), closed: closed.signal });
    const own = new AbortController();
    const calls = [caller.unary({ signal: own.signal }, failing()), caller.unary({}, failing())] as const;
    own.abort(new Error("too slow"));
    await assert.rejects(calls[0], /too slow/);
    closed.abort(new Error("the client was closed"));
    await assert.rejects(calls[1], /the client was closed/);
  });

  it("are repeated for resumeMs when a gateway has answered once, even if it refused", async () => {
    const answered = createNew();
    assert.equal(await answered.unary({}, failing()), "answer");
    assert.equal(await answered.unary({}, failing(away, away)), "answer");
    assert.equal(await createNew().unary({}, failing(stopping, away)), "answer");
  });

  it("are repeated for resumeMs when a gateway took the first call, but was too slow to answer it in connectMs", async () => {
    assert.equal(await createNew().unary({}, failing(late, away)), "answer");
  });
});
