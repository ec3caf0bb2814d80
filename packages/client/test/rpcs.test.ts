import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Refusal } from "@ccsp/errors";
import type { GrpcServer } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { type CcspClient, createCcspClient, InvalidTaskError } from "../src/index.js";
import { serveAgent } from "./serve-agent.js";

const first = <T>(stream: AsyncIterable<T>) => stream[Symbol.asyncIterator]().next();

type Rpc = keyof typeof AgentServiceService;

/** The method of the client for each RPC, or the reason why there is none. An RPC that is missing here does not compile. */
const METHODS: Readonly<Record<Rpc, ((client: CcspClient) => Promise<unknown>) | string>> = {
  submitTask: (client) => client.submit({ prompt: "hello" }),
  submitTasks: (client) => client.submitMany([{ prompt: "hello" }]),
  runTask: (client) => client.run({ prompt: "hello" }).result(),
  watchTask: (client) => first(client.watch("0-1")),
  getTask: (client) => client.get("0-1"),
  listTasks: (client) => first(client.list()),
  cancelTask: (client) => client.cancel("0-1"),
  retryTask: (client) => client.retry("0-1"),
  explainTask: (client) => client.explain("0-1"),
  getTaskTrace: (client) => client.trace("0-1"),
  estimateTask: (client) => client.estimate({ prompt: "hello" }),
  putSchedule: (client) => client.schedules.put({ name: "a", cron: "* * * * *", task: { prompt: "hello" } }),
  listSchedules: (client) => client.schedules.list(),
  deleteSchedule: (client) => client.schedules.delete("a"),
  getMyUsage: (client) => client.usage(),
  getMyForecast: (client) => client.forecast(),
  getMyBudgets: (client) => client.budgets(),
  getCapabilities: (client) => client.capabilities(),
};

describe("the methods of the client", () => {
  const called: string[] = [];
  let server: GrpcServer;
  let client: CcspClient;
  before(async () => {
    const refuse = (rpc: string) => () => {
      called.push(rpc);
      throw new Refusal("INVALID_FIELD", "every call is refused here");
    };
    const handlers = Object.fromEntries(Object.keys(AgentServiceService).map((rpc) => [rpc, refuse(rpc)]));
    server = await serveAgent(handlers);
    client = createCcspClient({ target: `127.0.0.1:${server.port}`, token: "a-token", connectMs: 20_000 });
  });
  after(async () => {
    client.close();
    await server.close();
  });

  it("are one for each RPC of AgentService, or a reason", async () => {
    assert.deepEqual(Object.keys(METHODS).toSorted(), Object.keys(AgentServiceService).toSorted());
    for (const [rpc, method] of Object.entries(METHODS)) {
      if (typeof method === "string") continue;
      called.length = 0;
      await assert.rejects(method(client), InvalidTaskError, rpc);
      assert.deepEqual(called, [rpc]);
    }
  });

  it("are in the table of the README", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const [, table = ""] = /^## Methods\n(.*?)^## /ms.exec(readme) ?? [];
    const missing = Object.entries(client).filter(
      ([name, value]) => !table.includes(typeof value === "function" ? `\`${name}(` : `\`${name}.`),
    );
    assert.deepEqual(
      missing.map(([name]) => name),
      [],
    );
  });
});
