import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { authorise, MUTATING, type Rpc, SCOPES } from "./access.js";

const RPCS = Object.keys(SCOPES).filter((name): name is Rpc => Object.hasOwn(SCOPES, name));
const agent = (...scopes: string[]): Identity => {
  return { kind: "agent", subject: "alice", scopes, proof: "token", expireTime: new Date() };
};

describe("access", () => {
  it("has a row for every RPC of AgentService and no other", () => {
    assert.deepEqual(Object.keys(SCOPES).toSorted(), Object.keys(AgentServiceService).toSorted());
  });

  it("is as in the README: the scopes of each RPC, and which leave an audit line", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const rows = [...readme.matchAll(/^\| ([A-Z]\w+(?:, [A-Z]\w+)*) \| (.+) \| (yes|no) \|$/gm)];
    const documented = rows.flatMap(([, names = "", scopes = "", audited]) =>
      names.split(", ").map((name) => ({
        rpc: `${name.charAt(0).toLowerCase()}${name.slice(1)}`,
        scopes: [...scopes.matchAll(/`([^`]+)`/g)].map(([, scope]) => scope),
        audited: audited === "yes",
      })),
    );
    const asked = RPCS.map((rpc) => ({ rpc, scopes: [...SCOPES[rpc]], audited: MUTATING.has(rpc) }));
    const byRpc = (a: { rpc: string }, b: { rpc: string }) => a.rpc.localeCompare(b.rpc);
    assert.deepEqual(documented.toSorted(byRpc), asked.toSorted(byRpc));
  });

  it("lets a caller with exactly the scopes of an RPC pass", () => {
    for (const rpc of RPCS) authorise(rpc, agent(...SCOPES[rpc]));
  });

  it("names the scope that is missing, for every RPC and every scope of it", () => {
    for (const rpc of RPCS) {
      for (const scope of SCOPES[rpc]) {
        const others = SCOPES[rpc].filter((other) => other !== scope);
        assert.throws(
          () => authorise(rpc, agent(...others)),
          (error) => error instanceof Refusal && error.reason === "SCOPE_MISSING" && error.metadata["scope"] === scope,
        );
      }
    }
  });

  it("does not accept a longer word for the scope it starts with", () => {
    assert.throws(() => authorise("getTask", agent("tasks:readonly", "tasks")), Refusal);
  });
});
