import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { SCOPES } from "@ccsp/identity";
import { allRpcs } from "@ccsp/protos/access.js";

describe("what the RPCs of the gateway declare", () => {
  const declared = [...allRpcs().values()].flatMap(({ path, access }) => {
    const [, service = "", rpc = ""] = /^\/ccsp\.gateway\.v1\.(\w+)\/(\w+)$/.exec(path) ?? [];
    return service === "" ? [] : [{ service, rpc, scopes: access?.scopes ?? [], audited: access?.audited ?? false }];
  });

  it("names scopes that exist", () => {
    const known: readonly string[] = SCOPES;
    assert.deepEqual(
      declared.flatMap(({ rpc, scopes }) => scopes.filter((scope) => !known.includes(scope)).map((s) => `${rpc} ${s}`)),
      [],
    );
  });

  it("is as in the README: the scopes of each RPC, and which leave an audit line", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const tables = readme.split("| RPC of ").slice(1);
    const rows = tables.flatMap((table) => {
      const service = /^\w+/.exec(table)?.[0] ?? "";
      const found = [...table.matchAll(/^\| ([A-Z]\w+(?:, [A-Z]\w+)*) \| (.+) \| (yes|no) \|$/gm)];
      return found.flatMap(([, names = "", scopes = "", audited]) =>
        names.split(", ").map((rpc) => {
          const needed = [...scopes.matchAll(/`([^`]+)`/g)].map(([, scope]) => scope);
          return { service, rpc, scopes: needed, audited: audited === "yes" };
        }),
      );
    });
    const byName = (a: { service: string; rpc: string }, b: { service: string; rpc: string }): number =>
      `${a.service}${a.rpc}`.localeCompare(`${b.service}${b.rpc}`);
    assert.deepEqual(rows.sort(byName), declared.sort(byName));
  });
});
