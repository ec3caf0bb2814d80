import assert from "node:assert/strict";
import type { Authenticator } from "@ccsp/authentication";
import { type Reason, Refusal } from "@ccsp/errors";
import { Lockout } from "./lockout.js";
import { withLockout } from "./log-in.js";
import { SharedRate } from "./shared-rate.js";

const jwt = (claims: object, signature: string) =>
  `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
const [VALID, FORGED] = ["valid", "forged"];

describe("logging in", () => {
  let checks = 0;
  let outcome: Reason | undefined;
  const authenticator: Authenticator = {
    async authenticate({ authorization = "" }) {
      checks += 1;
      if (outcome) throw new Refusal(outcome, outcome);
      if (!authorization.endsWith(VALID)) throw new Refusal("TOKEN_INVALID", "forged");
      return { kind: "agent", subject: "alice", scopes: [], proof: "token", expireTime: new Date() };
    },
  };
  let nowMs = 0;
  const now = () => nowMs;
  let limited: Authenticator;
  beforeEach(() => {
    [checks, outcome, nowMs] = [0, undefined, 0];
    const store = { add: async () => 0, keep: () => undefined, forget: () => undefined };
    const rate = () => {
      let used = 0;
      const add = async (_who: string, more: number) => ({ used: (used += more), leftMs: 10_000 });
      return new SharedRate({ points: 1_000, windowMs: 10_000, add, now });
    };
    limited = withLockout(authenticator, {
      lockout: new Lockout({ failures: 10, store, onLocked: () => undefined, now }),
      failures: rate(),
      anonymous: rate(),
    });
  });
  const logIn = (authorization: string | undefined, address = "10.0.0.7:5000") =>
    limited.authenticate({ authorization, address }).then(
      () => "in",
      (error: unknown) => (error instanceof Refusal ? error.reason : String(error)),
    );
  const fail = async (times: number, authorization = jwt({ sub: "mallory" }, FORGED)) => {
    for (let i = 0; i < times; i++) await logIn(authorization);
  };

  it("is refused with CALLER_LIMIT and the time to wait after ten failures, without a check of the credential", async () => {
    await fail(10);
    checks = 0;
    await assert.rejects(
      limited.authenticate({ authorization: jwt({ sub: "mallory" }, VALID), address: "10.0.0.7:9" }),
      (error) => {
        assert.ok(error instanceof Refusal);
        assert.deepEqual([error.reason, error.retryAfterMs], ["CALLER_LIMIT", 1_000]);
        assert.deepEqual(error.quota, [{ subject: "failed_logins", description: "failed to log in too often" }]);
        return true;
      },
    );
    assert.equal(checks, 0);
    nowMs = 1_000;
    assert.equal(await logIn(jwt({ sub: "mallory" }, VALID)), "in");
  });

  it("is not refused because of the failures of another name at the same address, or of the same name elsewhere", async () => {
    await fail(10);
    assert.equal(await logIn(jwt({ sub: "alice" }, VALID)), "in");
    assert.equal(await logIn(jwt({ sub: "mallory" }, VALID), "10.0.0.8:1"), "in");
  });

  it("always works with a credential that was proven before, whoever fails under its name", async () => {
    const token = jwt({ sub: "alice" }, VALID);
    await logIn(token);
    await fail(20, jwt({ sub: "alice" }, FORGED));
    assert.equal(await logIn(token), "in");
    assert.equal(await logIn(jwt({ sub: "alice", iat: 1 }, VALID)), "CALLER_LIMIT", "a new one has to wait");
  });

  it("locks the id of an API key, and everything that is not a credential together", async () => {
    await fail(10, "Bearer ccsp_k1_wrong");
    assert.equal(await logIn("Bearer ccsp_k1_valid"), "CALLER_LIMIT");
    assert.equal(await logIn("Bearer ccsp_k2_valid"), "in");
    for (const text of ["Bearer x", "Bearer a.b.c", "Bearer e30.bnVsbA.x", "nothing"]) await fail(3, text);
    assert.equal(await logIn("Bearer anything"), "CALLER_LIMIT");
  });

  it("checks no more wrong credentials of an address when all of them come in one moment", async () => {
    const token = jwt({ sub: "alice" }, VALID);
    await logIn(token);
    checks = 0;
    const together = Array.from({ length: 3_000 }, (_, i) => logIn(jwt({ sub: `m${i}` }, FORGED)));
    assert.equal(await logIn(token), "in", "who was proven here does not wait for them");
    assert.equal(await logIn(jwt({ sub: "bob" }, VALID), "10.0.0.8:1"), "in", "nor does another address");
    const outcomes = await Promise.all(together);
    const checked = outcomes.filter((each) => each === "TOKEN_INVALID").length;
    assert.ok(checked >= 1_000 && checked < 1_000 + 16, `${checked} were checked`);
    assert.equal(outcomes.filter((each) => each === "CALLER_LIMIT").length, 3_000 - checked);
  });

  it("counts no expired or revoked token, no outage, and no missing token", async () => {
    for (outcome of ["TOKEN_EXPIRED", "TOKEN_REVOKED", "DEPENDENCY_UNAVAILABLE"] as const) await fail(20);
    outcome = "TOKEN_MISSING";
    for (let i = 0; i < 20; i++) await logIn(undefined);
    outcome = undefined;
    assert.equal(await logIn(jwt({ sub: "mallory" }, VALID)), "in");
  });

  it("is bounded for calls without any token, which leave audit lines, and keeps no token waiting because of them", async () => {
    outcome = "TOKEN_MISSING";
    const outcomes: string[] = [];
    for (let i = 0; i < 1_200; i++) outcomes.push(await logIn(undefined));
    assert.equal(outcomes.filter((each) => each === "TOKEN_MISSING").length, 1_000);
    assert.equal(outcomes.at(-1), "CALLER_LIMIT");
    outcome = undefined;
    assert.equal(await logIn(jwt({ sub: "alice" }, VALID)), "in");
  });

  it("bounds the checks of an address whose callers claim ever new names, but not for those who were proven", async () => {
    const token = jwt({ sub: "alice" }, VALID);
    await logIn(token);
    for (let i = 0; i < 1_200; i++) await logIn(jwt({ sub: `m${i}` }, FORGED));
    assert.equal(checks, 1_001);
    assert.equal(await logIn(token), "in");
    nowMs = 10_000;
    assert.equal(await logIn(jwt({ sub: "bob" }, VALID)), "in");
  });
});
