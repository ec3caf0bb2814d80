import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CcspClient, TaskInput } from "@ccsp/client";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventsKey } from "@ccsp/events";
import { CLAUDE_CODE_BIN, eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { processesOf } from "../src/runs.js";

/** This text is in every secret of this file and nowhere else. */
const CANARY = "zqcanary5e1f";
const secret = (what: string): string => `${CANARY}-${what}`;
const KEY = secret("api-key");

/**
 * The places that must not contain the text. The values in Redis are the queue's own store, so this test checks only
 * the names of keys there.
 */
describe("a secret in prompts, answers, files, environment and provider's errors", function () {
  this.timeout(300_000);
  let world: World;
  let client: CcspClient;
  let redis: Redis;
  let root: string;
  const commandLines = new Map<string, string>();

  before(async () => {
    root = await mkdtemp(join(tmpdir(), "ccsp-canary-"));
    await writeFile(join(root, "notes.txt"), `${secret("included")}\n`);
    world = await startWorld({
      slots: 3,
      env: {
        CCSP_CLAUDE_CODE_API_KEY: KEY,
        CCSP_CLAUDE_CODE_ENV: "SECRET_OF_AN_OPERATOR",
        SECRET_OF_AN_OPERATOR: secret("environment"),
        CCSP_EXECUTOR_ALLOWED_ROOTS: root,
        CCSP_LOG_LEVEL: "trace",
      },
    });
    client = world.client("alice");
    redis = new Redis(world.fleet.redis.url);
    await run();
  });
  after(async () => {
    redis.disconnect();
    await world.close();
    await rm(root, { recursive: true, force: true });
  });

  /**
   * Puts a secret into every possible place. Runs tasks that succeed, fail in each way, are cancelled and are stopped.
   */
  async function run(): Promise<void> {
    const given: Partial<TaskInput> = {
      systemPrompt: secret("system-prompt"),
      attachments: [{ name: "a.txt", content: secret("attachment") }],
      includeFiles: [join(root, "notes.txt")],
      maxAttempts: 1,
    };
    const { ended, text } = await collect(
      client.run({ ...given, prompt: `say ${secret("prompt")}`, conversation: {} }),
    );
    assert.equal(ended.state, "SUCCEEDED");
    assert.ok(text.includes(secret("prompt")), "the secret reached the engine, and its agent again");
    const asked = JSON.stringify(world.simulator.requests.at(-1));
    for (const part of [secret("system-prompt"), "a.txt", "notes.txt"])
      assert.ok(asked.includes(part), `${part} was not given`);
    await collect(
      client.run({ prompt: `more ${secret("prompt")}`, conversation: { id: ended.result?.conversationId ?? "" } }),
    );

    const quoted = `message="about ${secret("provider-error")}"`;
    for (const fault of [`500 ${quoted}`, `too-long ${quoted}`, `529 ${quoted}`]) {
      await client.submit({ ...given, prompt: `${secret("prompt")} [[sim:${fault}]]` });
    }
    await whileRunning(given);
    const refused = await client.submit({ ...given, prompt: `${secret("prompt")} [[sim:401 ${quoted}]]` });
    await eventually(async () => assert.notEqual((await client.get(refused.id)).error, undefined), LONG);
  }

  /** Runs a task, watches it while it runs, and then cancels it. */
  async function whileRunning(given: Partial<TaskInput>): Promise<void> {
    const gate = world.simulator.gate();
    const { id } = await client.submit({ ...given, prompt: `${gate.marker} ${secret("prompt")}` });
    await gate.reached;
    const pids = await processesOf([id]);
    assert.ok(pids.length > 0);
    for (const pid of await readdir("/proc")) {
      const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (words !== "") commandLines.set(pid, words);
    }
    assert.ok(
      pids.some((pid) => commandLines.get(String(pid))?.includes(CLAUDE_CODE_BIN)),
      "the engine was checked",
    );
    await client.cancel(id, "enough");
    await eventually(async () => assert.equal((await client.get(id)).state, "CANCELLED"), LONG);
    gate.release();
  }

  const LONG = { timeoutMs: 120_000, what: "the end of a run" };

  /** Fails if a text contains a secret. It prints only the beginning of the first such text. */
  function expectNone(texts: Iterable<string>, where: string): void {
    const encoded = Buffer.from(CANARY).toString("base64").slice(0, -4);
    const found = [...texts].filter((each) => each.includes(CANARY) || each.includes(encoded));
    assert.equal(found.length, 0, `${where}: ${found[0]?.slice(0, 600)}`);
  }

  it("is in no command line of any process", () => expectNone(commandLines.values(), "a command line"));

  it("is in the environment of executors, and of no other service", async () => {
    for (const { name, process: service } of world.fleet.processes()) {
      const environment = (await readFile(`/proc/${service.pid}/environ`, "utf8")).split("\0");
      if (name === "executor") assert.ok(environment.some((each) => each.includes(KEY)));
      else expectNone(environment, `the environment of ${name}`);
    }
  });

  it("is in no log line of any service at any log level", () => {
    for (const line of [/failed run, redacted/, /engine started/, /attempt over/]) {
      assert.ok(
        world.lines.some((each) => line.test(each)),
        `no service logged ${line}`,
      );
    }
    expectNone(world.lines, "a log line");
  });

  it("is in no span", async () => {
    await eventually(() => {
      const names = new Set(world.traces.spans().map(({ name }) => name));
      for (const name of ["queue.wait", "task.attempt", "usage record"]) assert.ok(names.has(name), name);
    });
    const spans = world.traces.spans();
    assert.ok(spans.length > 50);
    expectNone(
      spans.map((span) => JSON.stringify(span, (_key, value) => (typeof value === "bigint" ? String(value) : value))),
      "a span",
    );
  });

  it("is in no metric", async () => {
    for (const { name, ports } of world.fleet.processes()) {
      const text = await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text();
      assert.ok(text.includes("# HELP"));
      expectNone(text.split("\n"), `metrics of ${name}`);
    }
  });

  it("is in no event and no notification", async () => {
    const events = await eventually(async () => {
      const entries = await redis.xrange(eventsKey(0), "-", "+");
      for (const type of ["task.completed", "task.failed", "task.cancelled", "session.timeout"]) {
        assert.ok(
          entries.some(([, fields]) => fields.includes(type)),
          `no ${type} yet`,
        );
      }
      return entries;
    }, LONG);
    expectNone(
      events.map((entry) => JSON.stringify(entry)),
      "an event",
    );
    expectNone((await readFile(join(world.dataDir, "notifications.jsonl"), "utf8")).split("\n"), "a notification");
  });

  it("is in no Redis key name", async () => {
    const keys = await redis.keys("*");
    assert.ok(keys.length > 20);
    expectNone(keys, "a key");
  });
});
