import assert from "node:assert/strict";
import { join } from "node:path";
import { issueCertificate, readAuthority } from "@ccsp/certificates";
import { addressOf } from "@ccsp/e2e-kit/internal-clients.js";
import { serviceOf } from "@ccsp/e2e-kit/rpcs.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { operatorFolder, SERVICES } from "@ccsp/fleet";
import { CallError, channelTls, createClient, readTlsFolder } from "@ccsp/grpc-kit";
import { SCOPES } from "@ccsp/identity";
import { allRpcs } from "@ccsp/protos/access.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { type Caller, type Outcome, rowsOf, tableOf, tryCall } from "../../src/access-matrix.js";

/** Every RPC with its rule. One without a rule is let in nowhere, so that its row fails. */
const RPCS = [...allRpcs().values()].map(({ path, access }) => ({
  path,
  service: serviceOf(path),
  callers: access?.callers ?? [],
  scopes: access?.scopes ?? [],
}));
const PUBLIC = RPCS.filter(({ service }) => service === "gateway");
const INTERNAL = RPCS.filter(({ service }) => service !== "gateway");

/** A row of the matrix: what each caller should get, and what it got. */
interface Row {
  readonly path: string;
  readonly wanted: readonly Outcome[];
  readonly found: readonly Outcome[];
}

export const accessMatrix = (world: () => World): Mocha.Suite =>
  describe("who may call what", function () {
    this.timeout(120_000);
    function check(title: string, columns: readonly string[], rows: readonly Row[]): void {
      const table = tableOf(columns, new Map(rows.map(({ path, found }) => [path, found])));
      process.stdout.write(`\n${title}\n\n${table}\n\n`);
      const wrong = rows.filter(({ wanted, found }) => wanted.join() !== found.join());
      assert.deepEqual(
        wrong.map(({ path, found }) => [path, found]),
        wrong.map(({ path, wanted }) => [path, wanted]),
      );
    }

    it("is declared beside each RPC, for callers with a certificate or for callers with a token", () => {
      const missing = [...allRpcs().values()].filter(({ access }) => access === undefined);
      assert.deepEqual(
        missing.map(({ path }) => path),
        [],
      );
      assert.deepEqual(
        INTERNAL.filter(({ callers }) => callers.length === 0).map(({ path }) => path),
        [],
      );
      assert.deepEqual(
        PUBLIC.filter(({ callers }) => callers.length > 0).map(({ path }) => path),
        [],
      );
    });

    it("is, behind the gateway, what the caller's certificate allows", async () => {
      const folder = world().certificates;
      const authority = await readAuthority(folder);
      assert.ok(authority);
      await issueCertificate(authority, {
        folder: operatorFolder(folder, "ann"),
        name: { kind: "operator", name: "ann" },
      });
      const certified = (dir: string) => (service: string) => channelTls(() => readTlsFolder(dir), { service });
      const callers: readonly (readonly [string, (service: string) => ReturnType<typeof channelTls>])[] = [
        ["none", (service) => channelTls({ ca: readTlsFolder(join(folder, "queue")).ca }, { service })],
        ...SERVICES.map((name) => [name, certified(join(folder, name))] as const),
        ["operator", certified(operatorFolder(folder, "ann"))],
      ];

      const rows = await rowsOf(INTERNAL, async ({ path, service, callers: allowed }): Promise<Row> => {
        const target = addressOf(world(), service);
        const calls = callers.map(([, credentials]) => tryCall(path, { target, credentials: credentials(service) }));
        const wanted = callers.map(([name]) => {
          if (name === "none") return "no connection";
          return allowed.includes(name) ? "in" : "CERTIFICATE_REFUSED";
        });
        return { path, wanted, found: await Promise.all(calls) };
      });
      check(
        "Behind the gateway, by certificate",
        callers.map(([name]) => name),
        rows,
      );
    });

    it("is, at the gateway, what the caller's token allows", async () => {
      const revoked = await revokedToken();
      const right = (scopes: readonly string[]) => world().token("ann", { scopes });
      /** All scopes but one, for each scope that the RPC needs. */
      const wrong = (scopes: readonly string[]) =>
        scopes.map((lacking) => right(SCOPES.filter((scope) => scope !== lacking && scope !== "admin")));
      const columns = ["no token", "malformed", "expired", "revoked", "wrong scope", "right scope"] as const;

      const rows = await rowsOf(PUBLIC, async ({ path, scopes }): Promise<Row> => {
        const one = (token?: string) => tryCall(path, atGateway(token));
        const lacking = await Promise.all((await Promise.all(wrong(scopes))).map(one));
        return {
          path,
          wanted: [
            "TOKEN_MISSING",
            "TOKEN_INVALID",
            "TOKEN_EXPIRED",
            "TOKEN_REVOKED",
            scopes.length > 0 ? "SCOPE_MISSING" : "-",
            "in",
          ],
          found: [
            await one(),
            await one("not.a.token"),
            await one(await world().token("ann", { scopes: SCOPES, ttlSeconds: -3600 })),
            await one(revoked),
            scopes.length > 0 ? [...new Set(lacking)].join("+") : "-",
            await one(await right(scopes)),
          ],
        };
      });
      check("At the gateway, by token", columns, rows);
    });

    it("is, for an agent, only what concerns its own tasks", async () => {
      const agents = createClient(AgentServiceService, world().fleet.gatewayAddress);
      try {
        const by = async (agent: string) => ({ metadata: { authorization: `Bearer ${await world().token(agent)}` } });
        const { task } = await agents.submitTask({ spec: SPEC }, await by("alice"));
        assert.ok(task);
        const ofOneTask = Object.entries(AgentServiceService).filter(
          ([, { requestDeserialize }]) => "taskId" in requestDeserialize(Buffer.alloc(0)),
        );
        assert.ok(ofOneTask.length >= 5);
        const rows: Row[] = [];
        for (const [name, { path }] of ofOneTask) {
          const method: unknown = Reflect.get(agents, name);
          assert.ok(typeof method === "function");
          const call = async (agent: string) => outcomeOf(method({ taskId: task.id }, await by(agent)));
          rows.push({ path, wanted: ["TASK_NOT_FOUND", "in"], found: [await call("bob"), await call("alice")] });
        }
        check("One task of alice", ["another agent", "its agent"], rows);
      } finally {
        agents.close();
      }
    });

    const atGateway = (token?: string): Caller => ({
      target: world().fleet.gatewayAddress,
      authorization: token === undefined ? undefined : `Bearer ${token}`,
    });

    /** A token of every scope that works no more. */
    async function revokedToken(): Promise<string> {
      const operators = createClient(OperatorServiceService, world().fleet.gatewayAddress);
      try {
        const token = await world().token("mallory", { scopes: SCOPES });
        const authorization = `Bearer ${await world().token("ann", { scopes: ["admin"] })}`;
        await operators.revokeTokens({ tokens: { $case: "token", value: token } }, { metadata: { authorization } });
        await eventually(async () =>
          assert.equal(await tryCall("/ccsp.gateway.v1.OperatorService/WhoAmI", atGateway(token)), "TOKEN_REVOKED"),
        );
        return token;
      } finally {
        operators.close();
      }
    }
  });

const SPEC = TaskSpec.fromPartial({ prompt: "say hello" });

/** How a call of the agents' API ended, unary or a stream: `in`, unless the task is hidden from the caller. */
async function outcomeOf(call: unknown): Promise<Outcome> {
  try {
    if (isStream(call)) for await (const _ of call) break;
    else await call;
    return "in";
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return error.reason === "TASK_NOT_FOUND" ? error.reason : "in";
  }
}

const isStream = (call: unknown): call is AsyncIterable<unknown> =>
  typeof call === "object" && call !== null && Symbol.asyncIterator in call;
