import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { authorise, type Scope } from "./access.js";
import type { Identity } from "./identity.js";

const NEEDED: readonly Scope[] = ["tasks:submit", "tasks:read"];
const caller = (...scopes: string[]): Identity => {
  return { kind: "agent", subject: "alice", scopes, proof: "token", expireTime: new Date() };
};

describe("the access of a caller", () => {
  it("includes calls that need exactly its scopes, some of them or none", () => {
    const both = caller(...NEEDED);
    for (const needed of [NEEDED, NEEDED.slice(1), []]) assert.equal(authorise(needed, both), both);
    authorise([], caller());
  });

  it("does not include a call that needs one more scope, and the refusal names that scope and the proof without it", () => {
    for (const missing of NEEDED) {
      const others = NEEDED.filter((scope) => scope !== missing);
      const service: Identity = { ...caller(...others), kind: "service", proof: "certificate" };
      const person: Identity = { ...caller(...others), kind: "operator", proof: "oidc" };
      for (const [who, words] of [
        [caller(...others), "agent alice may not do this: its token lacks"],
        [service, "service alice may not do this: its certificate lacks"],
        [person, "operator alice may not do this: no group of this person gives"],
      ] as const) {
        assert.throws(
          () => authorise(NEEDED, who),
          (error) => {
            assert.ok(error instanceof Refusal);
            assert.deepEqual([error.reason, error.metadata["scope"]], ["SCOPE_MISSING", missing]);
            return error.message === `${words} the scope ${missing}`;
          },
        );
      }
    }
  });

  it("does not include a call whose scope only resembles one of its own", () => {
    assert.throws(() => authorise(["tasks:read"], caller("tasks:readonly", "tasks")), Refusal);
  });
});
