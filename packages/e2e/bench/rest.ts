// `make bench-rest`: compares a submit by REST with SubmitTask by gRPC at the same gateway, by turns. Then it compares
// the dashboard's first view of a signed-in person, in Chromium, with the call that its headline is made from.

import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { loadavg } from "node:os";
import { startWorld } from "@ccsp/e2e-kit/world.js";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { chromium } from "playwright-core";
import { median, ms } from "./quantile.js";
import { cpuMs, steadily } from "./steady-calls.js";

const PER_SECOND = 100;
const ROUNDS = unlessBrief(7);
const ROUND_SECONDS = unlessBrief(2);
const PAIRS = unlessBrief(60, 5);
const VIEWS = unlessBrief(10);
const CHROMIUM = "/usr/bin/chromium";
const PROMPT = "a prompt of common size ".repeat(12);

const world = await startWorld({ engine: "scripted", slots: 1 });
const connections = new Agent({ keepAlive: true });
try {
  await compareSubmits();
  await compareViews();
} finally {
  connections.destroy();
  await world.close();
}
console.log(`load average ${loadavg()[0]?.toFixed(1)}`);

async function compareSubmits(): Promise<void> {
  const authorization = `Bearer ${await world.token("bench")}`;
  const client = createClient(AgentServiceService, world.fleet.gatewayAddress);
  const byGrpc = (prompt: string) => () =>
    client.submitTask({ spec: TaskSpec.fromPartial({ prompt }), requestId: "" }, { metadata: { authorization } });
  const body = JSON.stringify({ spec: { prompt: PROMPT } });
  const byRest = () => ask("/api/v2/tasks", authorization, body);
  try {
    // This task takes the only slot, so that engines do not compete with the measured calls.
    await byGrpc("[[hang]]")();
    for (const submit of [byGrpc("warm up"), byRest]) await steadily(submit, PER_SECOND, 2);
    const rounds: { rest: number; grpc: number; cpu: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { rest, grpc } = await inPairs(byRest, byGrpc(PROMPT));
      const restCpu = await cpuOf(byRest);
      const grpcCpu = await cpuOf(byGrpc(PROMPT));
      rounds.push({ rest: median(rest), grpc: median(grpc), cpu: restCpu / grpcCpu });
      console.log(
        `round ${round + 1}: p50 gRPC ${ms(grpc, 0.5)}, REST ${ms(rest, 0.5)}; CPU of gateway and queue ${grpcCpu.toFixed(2)} ms, ${restCpu.toFixed(2)} ms`,
      );
    }
    console.log(`ratio rest_submit_cpu_vs_grpc ${median(rounds.map(({ cpu }) => cpu)).toFixed(2)}`);
    console.log(`ratio rest_submit_vs_grpc ${median(rounds.map(({ rest, grpc }) => rest / grpc)).toFixed(2)}`);
  } finally {
    client.close();
  }
}

/** Makes the calls one at a time and by turns, so that other work on the machine meets both alike. In ms. */
async function inPairs(rest: () => Promise<unknown>, grpc: () => Promise<unknown>) {
  const times = { rest: new Array<number>(), grpc: new Array<number>() };
  const timed = async (name: keyof typeof times, call: () => Promise<unknown>) => {
    const began = performance.now();
    await call();
    times[name].push(performance.now() - began);
  };
  for (let pair = 0; pair < PAIRS; pair += 1) {
    if (pair % 2 === 0) await timed("rest", rest);
    await timed("grpc", grpc);
    if (pair % 2 === 1) await timed("rest", rest);
  }
  return times;
}

/** The CPU time of gateway and queue for one call, in ms. */
async function cpuOf(submit: () => Promise<unknown>): Promise<number> {
  const before = await cpuMs(world);
  const times = await steadily(submit, PER_SECOND, ROUND_SECONDS);
  return ((await cpuMs(world)) - before) / times.length;
}

/** One request over a connection that stays open, as a program makes it. */
function ask(path: string, authorization: string, body?: string): Promise<void> {
  const { hostname, port } = new URL(world.fleet.httpAddress);
  const headers = { authorization, ...(body !== undefined && { "content-type": "application/json" }) };
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ hostname, port, path, method, headers, agent: connections }, (answer) => {
      answer.resume();
      answer.once("end", () => {
        if ((answer.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`${path} answered ${answer.statusCode}`));
      });
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** From the request of the page until its headline says how all is. Each view has a new tab, with a warm cache. */
async function compareViews(): Promise<void> {
  if (!existsSync(CHROMIUM)) {
    console.log(`the dashboard was not measured: ${CHROMIUM} is not installed (Debian: apt-get install chromium)`);
    return;
  }
  const token = await world.token("ada", { scopes: ["admin"] });
  const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid?.() !== 0 });
  try {
    const context = await browser.newContext({ locale: "en-GB", baseURL: world.fleet.httpAddress });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto("/");
    await page.getByLabel("Token or API key").fill(token);
    await page.keyboard.press("Enter");
    const headline = page.getByRole("heading", { level: 1, name: /^(Idle|Working|Waiting|Stopped)/ });
    await headline.waitFor();
    const views: number[] = [];
    const calls: number[] = [];
    for (let view = 0; view < VIEWS; view += 1) {
      let began = performance.now();
      await ask("/api/v2/queue/status", `Bearer ${token}`);
      calls.push(performance.now() - began);
      await page.goto("about:blank");
      began = performance.now();
      await page.goto("/", { waitUntil: "commit" });
      await headline.waitFor();
      views.push(performance.now() - began);
    }
    console.log(`dashboard's first view: p50 ${ms(views, 0.5)}; GET /api/v2/queue/status: p50 ${ms(calls, 0.5)}`);
    console.log(`ratio first_view_vs_queue_status ${(median(views) / median(calls)).toFixed(1)}`);
  } finally {
    await browser.close();
  }
}
