import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { startOtlpReceiver } from "@ccsp/testkit";
import { startFakeAgentService } from "./fake-agent-service.js";
import { type LocalFolder, openLocalFolder, UP } from "./local-fleet.js";
import { ccsp } from "./memory-io.js";

const TRACE_ID = "0123456789abcdef0123456789abcdef";

interface TraceJson {
  readonly complete: boolean;
  readonly spans: readonly { readonly name: string }[];
}

describe("ccsp trace in a local fleet", function () {
  this.timeout(120_000);
  let folder: LocalFolder;
  before(async () => {
    folder = await openLocalFolder();
    const { code, stderr } = await folder.run(...UP, "--detach");
    assert.equal(code, 0, stderr);
  });
  after(() => folder.close());

  const traceJson = async (name: string): Promise<TraceJson> => {
    const { code, stdout, stderr } = await folder.run("trace", name, "-o", "json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  it("shows each attempt of a task right after its end, without the prompt or the answer", async () => {
    const prompt = `[[crash]][[first:1:${join(folder.dir, "runs", "first")}]] prompt-canary`;
    const run = await folder.run("run", prompt, "--first-backoff", "1s", "--json");
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /prompt-canary/);
    const { task }: { task: { id: string; traceId: string } } = JSON.parse(run.stdout.split("\n")[0] ?? "");

    const { code, stdout, stderr } = await folder.run("trace", task.id);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const part of [
      `trace ${task.traceId}`,
      /AgentService\/RunTask +gateway/,
      /task\.attempt 1 .*━/,
      /✗ the engine process died/,
    ]) {
      assert.match(stdout, new RegExp(part));
    }
    assert.match(stdout, /task\.attempt 2 .*\n.*↪ follows task\.attempt 1\n/);
    const { complete, spans } = await traceJson(task.traceId);
    assert.equal(complete, true);
    assert.equal(spans.filter(({ name }) => name === "engine.run claude-code").length, 2);
    assert.ok(!JSON.stringify(spans).includes("canary"));
  });

  it("says of a task that waits that its trace is not complete yet", async () => {
    const submitted = await folder.run("submit", "later", "--start-time", "1h");
    const { code, stdout, stderr } = await folder.run("trace", submitted.stdout.trim());
    assert.deepEqual([code, stderr], [0, "the trace is not complete yet: the task has not ended\n"]);
    assert.match(stdout, /AgentService\/SubmitTask/);
  });

  it("keeps the traces where only the owner reads them, and says when it has none", async () => {
    assert.equal((await stat(join(folder.dir, "traces.sock"))).mode & 0o777, 0o600);
    const { code, stderr } = await folder.run("trace", TRACE_ID);
    assert.equal(code, 4);
    assert.match(stderr, new RegExp(`^ccsp: there are no spans of trace ${TRACE_ID}: the fleet keeps the last 1,000`));
  });
});

describe("ccsp trace elsewhere", function () {
  this.timeout(60_000);

  it("prints the link that CCSP_TRACE_URL describes, as run and get do, else the trace id and what to set", async () => {
    const gateway = await startFakeAgentService();
    try {
      const env = { CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "a-token" };
      const linked = { ...env, CCSP_TRACE_URL: "https://jaeger.example/trace/{traceId}" };
      const id = (await ccsp(["submit", "hello"], { env })).stdout.trim();
      const link = `https://jaeger.example/trace/${TRACE_ID}`;
      assert.deepEqual(await ccsp(["trace", id], { env: linked }), { code: 0, stdout: `${link}\n`, stderr: "" });
      assert.match((await ccsp(["run", "hello"], { env: linked })).stderr, new RegExp(`^trace       ${link}$`, "m"));
      assert.match((await ccsp(["get", id], { env: linked })).stdout, new RegExp(`^trace       ${link}$`, "m"));
      const json = await ccsp(["trace", TRACE_ID, "-o", "json"], { env: linked });
      assert.deepEqual(JSON.parse(json.stdout), { traceId: TRACE_ID, url: link });

      const { code, stdout, stderr } = await ccsp(["trace", id], { env });
      assert.deepEqual([code, stdout], [0, `${TRACE_ID}\n`]);
      assert.match(stderr, /set CCSP_TRACE_URL to the address of a trace in your tracing system, such as https:/);

      const traced = (await ccsp(["submit", "traced"], { env })).stdout.trim();
      const tree = await ccsp(["trace", traced], { env: linked });
      assert.equal(tree.code, 0, tree.stderr);
      assert.match(tree.stdout, /^trace 0123456789abcdef0123456789abcdef, 2 spans\n/);
      assert.match(tree.stdout, /^queue\.wait +queue +\+0\.0 ms +500 ms /m);
      assert.match(tree.stdout, /^└ task\.attempt +queue +\+500 ms +400 ms .*\n +✗ failed$/m);
      const lost = (await ccsp(["submit", "traced, but lost"], { env })).stdout.trim();
      const nothing = await ccsp(["trace", lost], { env: linked });
      assert.deepEqual([nothing.code, nothing.stdout], [0, `${link}\n`]);
      assert.match(nothing.stderr, /no spans of this task: they are not there yet, or the collector dropped them/);

      const wrong = await ccsp(["get", id], { env: { ...env, CCSP_TRACE_URL: "https://jaeger.example" } });
      assert.match(wrong.stdout, new RegExp(`^trace id    ${TRACE_ID} \\(CCSP_TRACE_URL has no \\{traceId\\}`, "m"));
    } finally {
      await gateway.close();
    }
  });

  it("leaves the traces of a local fleet to the user's own tracing system", async () => {
    const receiver = await startOtlpReceiver();
    const folder = await openLocalFolder();
    const env = { ...folder.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
    try {
      assert.equal((await ccsp([...UP, "--detach"], { env })).code, 0);
      await assert.rejects(stat(join(folder.dir, "traces.sock")), { code: "ENOENT" });
      const id = (await ccsp(["submit", "hello", "--start-time", "1h"], { env })).stdout.trim();
      const { stderr } = await ccsp(["trace", id], { env });
      assert.match(stderr, /no traces are kept here/);
      await folder.run("down");
      assert.ok(receiver.spans().some(({ name }) => name.endsWith("/SubmitTask")));
    } finally {
      await folder.close();
      await receiver.close();
    }
  });
});
