import assert from "node:assert/strict";
import { authorise, type Identity } from "@ccsp/identity";
import type { Access } from "@ccsp/protos/access.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { pino } from "pino";
import { admitBy } from "../src/index.js";
import { Fixture } from "./fixture.js";
import { failure, type QueueHandlers, taskNamed } from "./queue-stub.js";
import { healthClient, reflect } from "./standard-clients.js";

const { get, watch, cancel } = QueueServiceService;

describe("a server that admits calls by what their protos declare", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  const serve = async (handlers: Partial<QueueHandlers>) => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const check = async (
      { authorization = "" }: { authorization?: string | undefined },
      { scopes }: Access,
    ): Promise<Identity> =>
      authorise(scopes, {
        kind: "service",
        subject: "executor",
        scopes: [authorization],
        proof: "token",
        expireTime: new Date(Date.now() + 60_000),
      });
    // The server serves more than that.
    const rule = (path: string): Access | undefined =>
      path === get.path ? { callers: [], scopes: ["tasks:read"], audited: false } : undefined;
    const admit = admitBy(check, log, rule);
    return { server: await fixture.serve(handlers, { admit, log }), lines };
  };

  it("checks the rule of the RPC, and passes the caller's identity to the handler", async () => {
    const seen: (string | undefined)[] = [];
    const { server } = await serve({
      get: async ({ taskId }, { identity }) => (seen.push(identity?.subject), taskNamed(taskId)),
    });
    const queue = fixture.connect(server);
    assert.equal((await failure(queue.get({}))).reason, "SCOPE_MISSING");
    await queue.get({}, { metadata: { authorization: "tasks:read" } });
    assert.deepEqual(seen, ["executor"]);
  });

  it("refuses each RPC without a rule to every caller and logs it, and answers health and reflection", async () => {
    let served = 0;
    const { server, lines } = await serve({
      cancel: async () => ((served += 1), taskNamed("t1")),
      async *watch() {
        served += 1;
        yield { event: undefined };
      },
    });
    const queue = fixture.connect(server);
    const calls = [queue.cancel({}), queue.watch({})[Symbol.asyncIterator]().next()];
    for (const call of calls) {
      const error = await failure(call);
      assert.equal(error.reason, "INTERNAL");
      assert.match(error.message, /has no rule that says who may call it/);
    }
    assert.equal(served, 0);
    assert.deepEqual(
      lines.map(({ level, method }) => [level, method]),
      [
        [50, cancel.path],
        [50, watch.path],
      ],
    );
    assert.equal(await fixture.own(healthClient(server.port)).check(""), "SERVING");
    assert.ok(await reflect(server.port, { listServices: "*" }));
  });
});
