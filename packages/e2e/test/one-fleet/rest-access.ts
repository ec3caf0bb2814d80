import assert from "node:assert/strict";
import type { World } from "@ccsp/e2e-kit/world.js";
import { SCOPES } from "@ccsp/identity";
import { accessOf } from "@ccsp/protos/access.js";
import { eventually } from "@ccsp/testkit";
import { type Outcome, tableOf } from "../../src/access-matrix.js";
import { type RestOperation, restOperations } from "../../src/rest-paths.js";

const COLUMNS = [
  "no token",
  "malformed",
  "expired",
  "revoked",
  "wrong scope",
  "right scope",
  "operator's scope",
] as const;

export const restAccess = (world: () => World): Mocha.Suite =>
  describe("who may call which path of REST", function () {
    this.timeout(120_000);
    /** Makes an empty call. `in`: it was let in, whatever became of it. Else the reason why not. */
    async function tryPath({ method, path, hasBody }: RestOperation, token: string | undefined): Promise<Outcome> {
      const leaving = new AbortController();
      const answer = await fetch(`${world().fleet.httpAddress}/api/v2${path.replaceAll(/\{\w+\}/g, "none")}`, {
        method,
        signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(60_000)]),
        ...(hasBody && { body: "{}" }),
        headers: {
          ...(hasBody && { "content-type": "application/json" }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
      });
      try {
        assert.ok(answer.status < 500, `${method} ${path} answered ${answer.status}`);
        if (answer.status !== 401 && answer.status !== 403) return "in";
        const { reason }: { readonly reason?: string } = JSON.parse(await answer.text());
        return reason ?? "";
      } finally {
        leaving.abort();
      }
    }

    async function revokedToken(operations: readonly RestOperation[]): Promise<string> {
      const token = await world().token("mallory", { scopes: SCOPES });
      await fetch(`${world().fleet.httpAddress}/api/v2/tokens/revoke`, {
        method: "POST",
        body: JSON.stringify({ token }),
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${await world().token("ann", { scopes: ["admin"] })}`,
        },
      });
      const me = operations.find(({ path }) => path === "/me") ?? assert.fail();
      await eventually(async () => assert.equal(await tryPath(me, token), "TOKEN_REVOKED"));
      return token;
    }

    it("is what the protos declare for the RPCs behind it, for each way to be wrong", async () => {
      const operations = await restOperations(world());
      assert.ok(operations.length > 70);
      const revoked = await revokedToken(operations);
      const expired = await world().token("ann", { scopes: SCOPES, ttlSeconds: -3600 });
      const found = new Map<string, Outcome[]>();
      const wanted = new Map<string, Outcome[]>();
      for (const operation of operations) {
        const needed = operation.rpcs.map((path) => accessOf(path)?.scopes ?? []);
        const right = needed.at(-1) ?? [];
        const all = SCOPES.filter((scope) => scope !== "admin");
        // Without one scope of each RPC, none of them may be called.
        const lacking = all.filter((scope) => !needed.some(([first]) => first === scope));
        const one = async (scopes: readonly string[]) => tryPath(operation, await world().token("ann", { scopes }));
        const open = right.length === 0;
        const name = `${operation.method} ${operation.path}`;
        wanted.set(name, [
          "TOKEN_MISSING",
          "TOKEN_INVALID",
          "TOKEN_EXPIRED",
          "TOKEN_REVOKED",
          open ? "in" : "SCOPE_MISSING",
          "in",
          "in",
        ]);
        found.set(name, [
          await tryPath(operation, undefined),
          await tryPath(operation, "not.a.token"),
          await tryPath(operation, expired),
          await tryPath(operation, revoked),
          await one(lacking),
          await one(right),
          await one(needed[0] ?? []),
        ]);
      }
      process.stdout.write(`\n${tableOf(COLUMNS, found)}\n\n`);
      assert.deepEqual(Object.fromEntries(found), Object.fromEntries(wanted));
    });
  });
