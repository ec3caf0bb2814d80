import assert from "node:assert/strict";
import { monitorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { ExportFormat } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { eventually, skip } from "@ccsp/testkit";

/** 1,000 take 10 minutes on two cores. */
const RUNS = Number(process.env["CCSP_TEST_BOOKS_RUNS"] ?? 60);
const KINDS = ["input", "output", "cacheRead", "cacheCreation"] as const;
type Tokens = Record<(typeof KINDS)[number], number>;

/** No two runs near each other have the same numbers. */
const used = (run: number): Tokens => ({
  input: 1_000 + run,
  output: 1 + (run % 97),
  cacheRead: (run % 7) * 331,
  cacheCreation: (run % 5) * 53,
});

const sum = (all: readonly Tokens[]): Tokens => {
  const of = (kind: keyof Tokens) => all.reduce((so, each) => so + each[kind], 0);
  return { input: of("input"), output: of("output"), cacheRead: of("cacheRead"), cacheCreation: of("cacheCreation") };
};

describe("the tokens of many runs of the real Claude Code CLI", function () {
  this.timeout(1_800_000);
  let world: World;
  before(async () => void (world = await startWorld({ slots: 3 })));
  after(() => world?.close());

  it("are the same at the provider, at the broker, in the results and in the monitor's export", async function () {
    const executor = world.fleet.processes().find(({ name }) => name === "executor");
    const metrics = async () => await (await fetch(`http://127.0.0.1:${executor?.ports.ops}/metrics`)).text();
    const agents = [world.client("alice"), world.client("bob")];
    const results = await Promise.all(
      Array.from({ length: RUNS }, async (_, run) => {
        const { input, output, cacheRead, cacheCreation } = used(run);
        const cache = `cache-read=${cacheRead} cache-write=${cacheCreation}`;
        const prompt = `[[sim:usage input=${input} output=${output} ${cache}]] run ${run}`;
        const task = { prompt, model: "claude-sonnet-4-5" };
        const { usage } = (await agents[run % 2]?.run(task).result()) ?? assert.fail("no agent");
        return usage ?? assert.fail("no usage");
      }),
    );
    const books = sum(Array.from({ length: RUNS }, (_, run) => used(run)));

    const asked = world.simulator.requests.filter(({ path, method }) =>
      `${method} ${path}`.startsWith("POST /v1/messages"),
    );
    assert.equal(asked.length, RUNS, "the provider has a request of each run");
    const told = results.map(({ inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens }) => ({
      ...{ input: inputTokens, output: outputTokens, cacheRead: cacheReadTokens, cacheCreation: cacheCreationTokens },
    }));
    assert.deepEqual(sum(told), books);

    const monitor = monitorClient(world);
    try {
      await eventually(async () => {
        const texts: string[] = [];
        for await (const { lines } of monitor.exportUsage({ format: ExportFormat.JSON_LINES })) texts.push(lines);
        const rows = texts
          .join("")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line));
        const counted = rows.map((row) => ({
          ...{ input: Number(row.input_tokens), output: Number(row.output_tokens) },
          ...{ cacheRead: Number(row.cache_read_tokens), cacheCreation: Number(row.cache_creation_tokens) },
        }));
        assert.deepEqual(sum(counted), books);
      });
    } finally {
      monitor.close();
    }

    const page = await metrics();
    const [, miscounted] = /^ccsp_executor_miscounted_tokens_total\{.*\} (\d+)$/m.exec(page) ?? [];
    assert.equal(miscounted, "0");
    const counts = /^ccsp_executor_model_tokens_total\{.*kind="(\w+)".*\} (\d+)$/gm;
    const broker = Object.fromEntries([...page.matchAll(counts)].map(([, kind = "", count]) => [kind, Number(count)]));
    if (Object.keys(broker).length === 0) skip(this, "this host has no sandbox for runs, so there is no broker");
    const { cache_read: cacheRead, cache_creation: cacheCreation, ...plain } = broker;
    assert.deepEqual({ ...plain, cacheRead, cacheCreation }, books);
  });
});
