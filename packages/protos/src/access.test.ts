import assert from "node:assert/strict";
import { accessOf, allRpcs, identityName } from "./access.js";
import { Identity } from "./gen/ccsp/access/v1/access.js";

describe("who may make a call", () => {
  it("is declared beside each RPC", () => {
    assert.deepEqual(accessOf("/ccsp.queue.v1.QueueService/Sync"), {
      callers: ["executor"],
      scopes: [],
      audited: false,
    });
    assert.deepEqual(accessOf("/ccsp.gateway.v1.OperatorService/PauseQueue"), {
      callers: [],
      scopes: ["queue:manage"],
      audited: true,
    });
    assert.equal(accessOf("/ccsp.queue.v1.QueueService/NoSuchCall"), undefined);
  });

  it("is declared for every RPC: by the certificate behind the gateway, by scopes at the gateway", () => {
    const wrong = [...allRpcs().values()].filter(({ path, access }) => {
      if (access === undefined) return true;
      return path.startsWith("/ccsp.gateway.") ? access.callers.length > 0 : access.callers.length === 0;
    });
    assert.deepEqual(wrong, []);
  });
});

describe("the parts of CCSP that act by themselves", () => {
  it("have the names that stored gates have", () => {
    assert.equal(identityName(Identity.QUEUE), "ccsp");
    assert.equal(identityName(Identity.SESSION_WATCH), "ccsp/session");
    assert.throws(() => identityName(Identity.UNSPECIFIED), /has no name/);
  });
});
