import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { eventually, SCRIPTED_ENGINE } from "@ccsp/testkit";
import { ccsp } from "./memory-io.js";

/** The part of `ccsp status --json` that this test checks. */
interface Status {
  readonly gateway: { readonly agentId: string };
  readonly services: readonly { readonly name: string; readonly status: string }[];
  readonly queue: { readonly engines: readonly string[] };
}

/** A line of `ccsp run --json`. */
interface Event {
  readonly type: string;
  readonly text?: string;
  readonly usage?: object;
  readonly costUsd?: number;
  readonly result?: { readonly usage: object; readonly costUsd: number; readonly cached?: boolean };
}

/** The content of `ccsp estimate --json`. */
interface Estimate {
  readonly start?: object;
  readonly runTime?: { readonly p50: string };
  readonly blockers?: readonly object[];
}

describe("ccsp up --single --detach", function () {
  this.timeout(120_000);
  let dir: string;
  let env: Record<string, string>;
  let said: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    env = {
      PATH: process.env["PATH"] ?? "",
      USER: "tester",
      CCSP_STATE_DIR: dir,
      CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
      CCSP_EXECUTOR_SANDBOX_READ: dirname(SCRIPTED_ENGINE),
      CCSP_CLAUDE_CODE_API_KEY: "fake-key",
    };
    const { code, stderr } = await ccsp("up --single --detach --ports free".split(" "), { env });
    assert.equal(code, 0, stderr);
    said = stderr;
  });
  after(async () => {
    await ccsp(["down"], { env });
    await rm(dir, { recursive: true, force: true });
  });

  it("says where the gateway, the dashboard and REST are", async () => {
    const [, address] = /^dashboard and REST at (http:\/\/127\.0\.0\.1:\d+)$/m.exec(said) ?? assert.fail(said);
    assert.equal((await fetch(`${address}/api/v2/openapi.json`)).status, 200);
    assert.match(said, /gateway at 127\.0\.0\.1:\d+$/m);
  });

  it("runs a task in a fleet of one process, with a token made for the user", async () => {
    const { code, stdout, stderr } = await ccsp(["run", "[[text:Grüße, 世界 🎉]]"], { env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "Grüße, 世界 🎉\n");
    assert.match(stderr, /trace id {4}[0-9a-f]{32}/);
    const { stdout: json } = await ccsp(["status", "--json"], { env });
    const status: Status = JSON.parse(json);
    assert.equal(status.gateway.agentId, "tester");
    assert.deepEqual(new Set(status.services.map((service) => service.status)), new Set(["ready"]));
    assert.deepEqual(status.queue.engines, ["claude-code"]);
  });

  it("shows a cached answer in the same way as the answer of a run", async () => {
    for (const cached of [false, true]) {
      const { code, stdout, stderr } = await ccsp(["run", "--cache", "[[text:the same]]"], { env });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "the same\n");
      assert.equal(/^cached /m.test(stderr), cached);
    }
  });

  it("tells the usage of a run and of a cached answer in its events, and last what the result has", async () => {
    for (const cached of [false, true]) {
      const { code, stdout } = await ccsp(["run", "--cache", "--json", "[[text:as events]]"], { env });
      assert.equal(code, 0);
      const events: Event[] = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      assert.equal(events.find(({ type }) => type === "text")?.text, "as events");
      const { usage, costUsd } = events.findLast(({ type }) => type === "usage") ?? {};
      const { result } = events.at(-1) ?? {};
      assert.ok(usage && (costUsd ?? 0) > 0);
      assert.deepEqual(
        { usage, costUsd, cached },
        { usage: result?.usage, costUsd: result?.costUsd, cached: result?.cached },
      );
    }
  });

  it("says what a task waits for and when it may start, and then runs it", async () => {
    const pause = async (time: string) => {
      const paused = await ccsp(["pause", "agent/tester", "--why", "lunch", "--for", time], { env });
      assert.equal(paused.code, 0, paused.stderr);
    };
    await pause("1h");
    let resumed: Promise<unknown> | undefined;
    const onNote = (notes: string) => {
      if (/^waiting: /m.test(notes)) resumed ??= ccsp(["resume", "agent/tester"], { env });
    };
    const { code, stdout, stderr } = await ccsp(["run", "[[text:after lunch]]"], { env, onNote });
    assert.deepEqual([code, stdout], [0, "after lunch\n"], stderr);
    await resumed;
    const [, ...waiting] = stderr.split("\n").filter((line) => /^(task|waiting:) /.test(line));
    assert.match(
      waiting[0] ?? "",
      /^waiting: 1st in normal; agent tester is paused, by tester: lunch \(until [\d:]{8}\); starts in about (1 h|\d+ min)$/,
    );
    await pause("3s");
    assert.equal((await ccsp(["run", "[[text:after a break]]"], { env })).stdout, "after a break\n");
  });

  it("estimates a start from past run times, and explains what blocks a task", async () => {
    await ccsp(["run", "learn from this"], { env });
    const json = async (...args: string[]) => JSON.parse((await ccsp([...args, "--json"], { env })).stdout);
    await eventually(async () => {
      const estimate: Estimate = await json("estimate");
      assert.deepEqual(estimate.blockers ?? [], []);
      assert.deepEqual(estimate.start, { p50: "0s", p95: "0s", p90: "0s" }, "at once");
      assert.ok(Number.parseFloat(estimate.runTime?.p50 ?? "0s") > 0, "the runs above took some time");
    });
    assert.equal((await ccsp(["pause", "agent/tester", "--why", "lunch"], { env })).code, 0);
    const id = (await ccsp(["submit", "wait for it"], { env })).stdout.trim();
    const { code, stdout } = await ccsp(["explain", id], { env });
    assert.equal(code, 0);
    assert.match(stdout, /^state +QUEUED\nolder +0 waiting.*\nblocked by +agent tester is paused, by tester: lunch\n/);
    await ccsp(["resume", "agent/tester"], { env });
    assert.equal((await ccsp(["watch", id], { env })).code, 0);
    assert.match((await ccsp(["explain", id], { env })).stdout, /^state +SUCCEEDED\nit does not wait\n$/);
  });

  it("keeps its secret private, and its log for ccsp logs", async () => {
    assert.equal((await stat(join(dir, "jwt.secret"))).mode & 0o777, 0o600);
    const { stdout } = await ccsp(["logs", "single", "--json"], { env });
    assert.match(stdout, /registered|ready/);
  });

  it("has nothing that fails for ccsp doctor, which finds its Redis and each service by itself", async () => {
    const { code, stdout } = await ccsp(["doctor"], { env });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok +redis +Redis 127\.0\.0\.1:\d+ +each write is on disk before it is answered/m);
    for (const service of ["gateway", "queue", "executor", "monitor", "notification"]) {
      assert.match(stdout, new RegExp(`^ok +services +${service}-1 +ready$`, "m"));
    }
    assert.match(stdout, /^ok +clocks +Redis /m);
    assert.match(stdout, /^ok +tls +service queue /m);
  });

  it("is refused while another fleet runs, and is gone after ccsp down", async () => {
    const again = await ccsp(["up", "--ports", "free"], { env });
    assert.equal(again.code, 2);
    assert.match(again.stderr, /runs already/);
    const down = await ccsp(["down", "--json"], { env });
    assert.equal(down.code, 0, down.stderr);
    const { stopped }: { stopped: number } = JSON.parse(down.stdout);
    // The process has ended. Its pid exists until its new parent has waited for it.
    await eventually(() => assert.throws(() => process.kill(stopped, 0), { code: "ESRCH" }));
  });
});
