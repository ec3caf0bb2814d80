import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CcspClient } from "@ccsp/client";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { type KnownMetric, knownMetrics } from "@ccsp/docs-generator/metrics.js";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { freePort, SERVICES, type ServiceName, whyNoConsul } from "@ccsp/fleet";
import { DASHBOARDS } from "@ccsp/grafana/dashboards.js";
import { metricsIn } from "@ccsp/grafana/promql.js";
import { eventually, skip } from "@ccsp/testkit";

const run = promisify(execFile);
const whyNoPrometheus = async (): Promise<string | undefined> =>
  Promise.all(["prometheus", "promtool"].map((program) => run(program, ["--version"]))).then(
    () => undefined,
    () => "Prometheus is not installed (Debian: apt-get install prometheus promtool)",
  );

/**
 * What a run without faults does not show. Each has a label whose values only the fault, the warm process, the hook or
 * the usage window tells.
 */
const ONLY_AFTER =
  /^ccsp_(?:executor_(?:unknown_|hook_calls|starts|warm)|monitor_(?:alerts|executor_lost|run_error_share|session_lost|budget_used|usage_window|engine_stalled|queue_oldest|slo_))/;

/** A line of /metrics: the name of the series and its labels. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

describe("The metrics of a running fleet", function () {
  this.timeout(240_000);
  let world: World;
  let client: CcspClient;
  let known: ReadonlyMap<string, KnownMetric>;
  const pages = new Map<ServiceName, string>();

  before(async () => {
    known = await knownMetrics();
    world = await startWorld();
    client = world.client("alice");
    await runTasks();
    for (const { name, ports } of world.fleet.processes())
      pages.set(name, await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text());
  });
  after(() => world.close());

  async function runTasks(): Promise<void> {
    const done = await collect(client.run({ prompt: "say hello" }));
    assert.equal(done.ended.state, "SUCCEEDED");
    const failed = await collect(client.run({ prompt: "[[sim:400]]", maxAttempts: 1 }));
    assert.equal(failed.ended.state, "FAILED");
    await eventually(
      async () => {
        const monitor = world.fleet.processes().find(({ name }) => name === "monitor");
        const page = await (await fetch(`http://127.0.0.1:${monitor?.ports.ops}/metrics`)).text();
        assert.match(page, /^ccsp_monitor_usage_runs_total\{.*outcome="succeeded".*\} 1$/m);
        assert.match(page, /^ccsp_monitor_usage_runs_total\{.*outcome="failed".*\} 1$/m);
        assert.match(page, /^ccsp_monitor_disk_free_share\{/m);
      },
      { timeoutMs: 60_000 },
    );
  }

  const shownBy = (service: ServiceName): string[] =>
    [...(pages.get(service) ?? "").matchAll(/^# HELP (\S+)/gm)].map(([, name = ""]) => name);

  it("are those of docs/metrics.md: each service shows all of its own, and none that the page has not", () => {
    for (const service of SERVICES) {
      const expected = [...known.values()].filter((metric) => metric.service === service || metric.service === "");
      assert.deepEqual(shownBy(service).toSorted(), expected.map(({ name }) => name).toSorted(), service);
    }
  });

  it("have the labels of the page, and values from its lists", () => {
    let compared = 0;
    for (const page of pages.values())
      for (const { name, labels } of samplesOf(page)) {
        const metric = known.get(name) ?? known.get(name.replace(/_(?:bucket|sum|count)$/, ""));
        for (const [label, value] of Object.entries(labels)) {
          if (label === "le" || label === "service") continue;
          const values = metric?.labels[label];
          assert.ok(values !== undefined, `${name} has the label ${label}`);
          if (typeof values !== "string") assert.ok(values.includes(value), `${name}: ${label} is ${value}`);
          compared += 1;
        }
      }
    assert.ok(compared > 500, `${compared} labels`);
  });

  describe("in Prometheus", () => {
    let folder: string;
    const started: ChildProcess[] = [];
    before(async function () {
      const why = await whyNoPrometheus();
      if (why !== undefined) skip(this, why);
      folder = await mkdtemp(join(tmpdir(), "ccsp-prometheus-"));
    });
    after(async () => {
      for (const each of started) {
        each.kill();
        if (each.exitCode === null && each.signalCode === null) await once(each, "exit");
      }
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    /** Starts Prometheus with this file of deploy/prometheus, its addresses replaced. Resolves to its URL. */
    async function prometheus(file: string, replace: (text: string) => string): Promise<string> {
      const text = await readFile(join(ROOT, "deploy/prometheus", file), "utf8");
      const config = join(folder, file);
      const quick = replace(text)
        .replace(/(scrape|evaluation)_interval: \d+s/g, "$1_interval: 1s")
        .replace("[rules.yaml]", `["${join(ROOT, "deploy/prometheus/rules.yaml")}"]`);
      await writeFile(config, quick);
      await run("promtool", ["check", "config", "--syntax-only", config]);
      const address = `127.0.0.1:${await freePort()}`;
      const args = [`--config.file=${config}`, `--storage.tsdb.path=${config}.data`, `--web.listen-address=${address}`];
      const server = spawn("prometheus", [...args, "--enable-feature=exemplar-storage"], {
        stdio: "ignore",
        env: { PATH: process.env["PATH"] },
      });
      started.push(server);
      return `http://${address}`;
    }

    async function prometheusOfTheFleet(): Promise<string> {
      const ports = new Map(world.fleet.processes().map(({ name, ports: { ops } }) => [name, ops]));
      return prometheus("prometheus.yaml", (text) =>
        text.replace(/127\.0\.0\.1:\d+ # (\w+)/g, (_, name: ServiceName) => `127.0.0.1:${ports.get(name)}`),
      );
    }

    const ask = async <T>(url: string, path: string): Promise<T> => {
      const answer: { status: string; data: T } = JSON.parse(await (await fetch(`${url}/api/v1/${path}`)).text());
      assert.equal(answer.status, "success");
      return answer.data;
    };

    async function allAreUp(url: string): Promise<void> {
      await eventually(
        async () => {
          const { activeTargets } = await ask<{ activeTargets: { health: string; lastError: string }[] }>(
            url,
            "targets",
          );
          assert.equal(activeTargets.length, SERVICES.length);
          for (const { health, lastError } of activeTargets) assert.equal(health, "up", lastError);
        },
        { timeoutMs: 60_000 },
      );
    }

    it("are scraped from every service, with every metric that a dashboard names, and no rule is in error", async () => {
      const url = await prometheusOfTheFleet();
      await allAreUp(url);
      const named = DASHBOARDS.flatMap(({ rows }) =>
        rows.flatMap(({ panels }) =>
          panels.flatMap(({ queries }) => queries.flatMap(({ expr }) => metricsIn(expr, known))),
        ),
      );
      const metadata = await ask<Record<string, unknown>>(url, "metadata");
      // In OpenMetrics, the name of a counter is without the ending of its series.
      for (const name of named) assert.ok(name.replace(/_total$/, "") in metadata, `${name} is not known`);
      const series = new Set(await ask<string[]>(url, "label/__name__/values"));
      const missing = [...new Set(named)].filter(
        (name) => !series.has(name) && !series.has(`${name}_count`) && !ONLY_AFTER.test(name),
      );
      assert.deepEqual(missing, []);
      const { groups } = await ask<{ groups: { rules: { name: string; lastError?: string }[] }[] }>(url, "rules");
      const rules = groups.flatMap((group) => group.rules);
      for (const { name, lastError } of rules) assert.equal(lastError, undefined, name);
    });

    it("lead from a bucket to the trace of a call or a wait, which Prometheus keeps", async () => {
      const url = await prometheusOfTheFleet();
      const tracesOf = async (query: string): Promise<readonly string[]> => {
        const range = `start=${Date.now() / 1_000 - 600}&end=${Date.now() / 1_000}`;
        const found = await ask<{ exemplars: { labels: { trace_id: string } }[] }[]>(
          url,
          `query_exemplars?query=${encodeURIComponent(query)}&${range}`,
        );
        return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
      };
      await eventually(
        async () => {
          for (const bucket of [
            "ccsp_queue_wait_seconds_bucket",
            'rpc_server_duration_seconds_bucket{method="RunTask"}',
          ]) {
            const traces = await tracesOf(bucket);
            assert.notEqual(traces.length, 0, bucket);
            for (const each of traces) assert.notEqual(world.traces.trace(each).length, 0, `${bucket}: ${each}`);
          }
        },
        { timeoutMs: 60_000 },
      );
    });

    it("are found through Consul", async function () {
      const { consul } = world.fleet;
      const token = consul.tokens === undefined ? "" : `\n        token: ${consul.tokens.management}`;
      const replace = (text: string) =>
        text.replace("server: 127.0.0.1:8500", `server: 127.0.0.1:${consul.port}${token}`);
      const url = await prometheus("prometheus-consul.yaml", replace).catch((error: unknown) => {
        if (!/consul_sd_configs not found/.test(String(error))) throw error;
        return skip(this, "this Prometheus was built without Consul, as Debian's is");
      });
      await allAreUp(url);
      const up = await ask<{ result: { metric: { instance: string } }[] }>(url, "query?query=up");
      assert.equal(up.result.length, SERVICES.length);
      for (const { metric } of up.result)
        assert.match(metric.instance, /^(?:gateway|queue|executor|monitor|notification)-/);
    });
  });

  it("can be found in Consul: each instance says where its ops port is", async function () {
    const why = whyNoConsul();
    if (why !== undefined) skip(this, why);
    const { url, tokens } = world.fleet.consul;
    const headers = tokens === undefined ? {} : { "X-Consul-Token": tokens.management };
    for (const { name, ports } of world.fleet.processes()) {
      const found = await fetch(`${url}/v1/catalog/service/${name}`, { headers });
      const services: { ServiceMeta: { ops?: string } }[] = JSON.parse(await found.text());
      assert.deepEqual(
        services.map(({ ServiceMeta }) => ServiceMeta.ops),
        [`127.0.0.1:${ports.ops}`],
      );
    }
  });
});

function samplesOf(page: string): Sample[] {
  return [...page.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = "", text = ""]) => ({
    name,
    labels: Object.fromEntries(
      [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", value = ""]) => [label, value]),
    ),
  }));
}
