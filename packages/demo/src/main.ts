// `make demo`: sends one prompt through all of CCSP on this machine. Everything is real except the model.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createToken, printable, printableText, settingsByService } from "@ccsp/cli";
import { createCcspClient } from "@ccsp/client";
import { startFleet } from "@ccsp/fleet";
import { eventually, renderTrace, startOtlpReceiver, startSimulator } from "@ccsp/testkit";
import { agentSpan } from "./agent-span.js";
import { demoEngine, liveEngine } from "./engine.js";
import { printSummary } from "./summary.js";

const PROMPT =
  process.argv.slice(2).join(" ") ||
  "Say hello to CCSP in English and Japanese, and name one thing a queue is good for.";
const live = process.env["CCSP_LIVE"] === "1";
const SECRET = "the demo's own secret, used nowhere else";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

/** The resources to close at the end, newest first. */
const opened: { close(): Promise<unknown> }[] = [];
const open = <R>(resource: R, close: (resource: R) => Promise<unknown>): R => {
  opened.push({ close: () => close(resource) });
  return resource;
};

try {
  await demo();
} catch (error) {
  if (!stopping.signal.aborted) say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = stopping.signal.aborted ? 130 : 1;
} finally {
  say("\nStopping everything …");
  for (const resource of opened.toReversed()) {
    // A resource that fails to close must not prevent the others from closing: some of them are processes.
    await resource.close().catch((error: unknown) => say(`could not be stopped: ${String(error)}`));
  }
  say("Stopped. Next: `make up` keeps a fleet running, `make` lists everything else.");
}

async function demo(): Promise<void> {
  const traces = open(await startOtlpReceiver(), (receiver) => receiver.close());
  const gateway = await startCcsp(traces.endpoint);
  const span = agentSpan("agent ccsp.run");
  await runTask(gateway, span);
  await eventually(
    () => {
      const names = new Set(traces.trace(span.traceId).map((received) => received.name));
      for (const name of ["task", "task.attempt", "queue.wait"])
        if (!names.has(name)) throw new Error(`no span ${name} yet`);
      // It has a trace of its own, which is linked to that of the task.
      if (!traces.spans().some(({ name }) => name === "notification deliver"))
        throw new Error("the notification is still on its way");
    },
    { timeoutMs: 10_000, what: "the trace" },
  );
  say("\nIts path through the services (spans of this run, as the services exported them):");
  say(renderTrace([...traces.trace(span.traceId), span.end()]));
}

/** Starts all services with their engine, and answers the address of the gateway. */
async function startCcsp(tracesEndpoint: string): Promise<string> {
  const dataDir = open(await mkdtemp(join(tmpdir(), "ccsp-demo-")), (dir) => rm(dir, { recursive: true, force: true }));
  const secretFile = join(dataDir, "jwt.secret");
  await writeFile(secretFile, SECRET, { mode: 0o600 });
  const engine = live
    ? liveEngine(process.env)
    : demoEngine(open(await startSimulator(), (simulator) => simulator.close()));
  say(`Starting Redis, Consul and the five services; engine: ${engine.description}`);

  const fleet = open(
    await startFleet({
      root: fileURLToPath(new URL("../../..", import.meta.url)),
      dataDir,
      ports: "free",
      serviceEnv: await settingsByService({
        ...engine.env,
        CCSP_JWT_SECRET_FILE: secretFile,
        CCSP_NOTIFICATION_FILE: join(dataDir, "notifications.jsonl"),
        OTEL_EXPORTER_OTLP_ENDPOINT: tracesEndpoint,
        OTEL_BSP_SCHEDULE_DELAY: "100",
      }),
    }),
    (running) => running.stop(),
  );
  await fleet.ready();
  const names = fleet.processes().map(({ name }) => name);
  say(`Ready: ${names.join(", ")}`);
  return fleet.gatewayAddress;
}

/** Runs the prompt as an agent, and prints the answer while it streams. */
async function runTask(target: string, span: ReturnType<typeof agentSpan>): Promise<void> {
  const client = createCcspClient({
    target,
    token: () =>
      createToken({ secret: SECRET, agent: "demo", scopes: ["tasks:submit", "tasks:read"], ttlSeconds: 600 }),
  });
  opened.push({ close: async () => client.close() });
  say(`\nPrompt:  ${PROMPT}\nAnswer:  (as it streams)\n`);
  let ended = false;
  for await (const event of client.run(
    { prompt: PROMPT },
    { traceparent: span.traceparent, signal: stopping.signal },
  )) {
    if (event.type === "text") process.stdout.write(printableText(event.text));
    if (event.type === "taken-back") say("\n[taken back]");
    if (event.type === "waiting") say(`\n[waits: ${printable(event.reason)}]`);
    if (event.type === "ended") {
      ended = true;
      printSummary(event, span.traceId, say);
    }
  }
  if (!ended) throw new Error("the stream ended before the task did");
}
