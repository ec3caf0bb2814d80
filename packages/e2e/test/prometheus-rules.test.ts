import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { knownMetrics } from "@ccsp/docs-generator/metrics.js";
import { faultsOfQuery } from "@ccsp/grafana/promql.js";
import { prometheusQueries } from "@ccsp/monitor";
import { skip } from "@ccsp/testkit";

/** The program promtool: that of PROMTOOL_BIN, or the one on PATH. */
function promtool(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = [process.env["PROMTOOL_BIN"] ?? "", ...folders.map((folder) => join(folder, "promtool"))];
  return candidates.find((path) => path !== "" && existsSync(path));
}

describe("The rules for Prometheus", () => {
  const folder = join(ROOT, "deploy/prometheus");

  it("use only metrics, labels and values that services export", async () => {
    // `up` is a metric that Prometheus makes for each of its targets.
    const up = { name: "up", type: "gauge", help: "", labels: { job: "jobs" } } as const;
    const metrics = new Map([...(await knownMetrics()), ["up", { ...up, service: "" }]]);
    const faults = Object.entries(prometheusQueries()).flatMap(([rule, query]) =>
      faultsOfQuery(query, metrics).map((fault) => `${rule}: ${fault}`),
    );
    assert.deepEqual(faults, []);
  });

  it("are valid, and promtool fires and resolves each of them", function () {
    const bin = promtool() ?? skip(this, "promtool is not installed (Debian: apt-get install promtool)");
    const run = (...args: string[]) => execFileSync(bin, args, { cwd: folder, encoding: "utf8" });
    assert.match(run("check", "rules", "rules.yaml"), /SUCCESS: (1\d|2\d) rules found/);
    assert.match(run("test", "rules", "rules.test.yaml"), /SUCCESS/);
  }).timeout(60_000);

  it("tell once of a dead executor, and once more only if work waits that nobody else does", async function () {
    const bin = promtool() ?? skip(this, "promtool is not installed (Debian: apt-get install promtool)");
    // All die after 10 minutes. An hour later the monitor forgets the executor.
    const upOf = (service: string, port: number, dies: boolean) => `
      - series: up{job="ccsp",instance="127.0.0.1:${port}"}
        values: ${dies ? "1x9 0x79" : "1x89"}
      - series: ccsp_log_lines_dropped_total{job="ccsp",instance="127.0.0.1:${port}",service="${service}"}
        values: ${dies ? "0x9 stale _x78" : "0x89"}`;
    const told = (name: string, series: string, alerts: Readonly<Record<number, readonly string[]>>, each = 1) => `
  - name: ${name}
    interval: 1m
    input_series:
      - series: ccsp_log_lines_dropped_total{service="gateway"}
        values: 0x89
      - series: ccsp_log_lines_dropped_total{service="notification"}
        values: 0x89${series}
    promql_expr_test:${Object.entries(alerts)
      .map(
        ([minute, rules]) => `
      - expr: count by (rule) (ALERTS{alertstate="firing"})
        eval_time: ${minute}m
        exp_samples: [${rules.map((rule) => `{ labels: '{rule="${rule}"}', value: ${each} }`).join(", ")}]`,
      )
      .join("")}`;
    const lost = `
      - series: ccsp_monitor_executor_lost{executor="executor-1",instance="127.0.0.1:9003"}
        values: 0x9 1x59 _x20`;
    const work = `
      - series: ccsp_queue_oldest_age_seconds{engine="claude-code",class="normal"}
        values: 0x9 300x79
      - series: ccsp_queue_slots{engine="claude-code"}
        values: 4x9 0x79`;
    const executor = upOf("executor", 9002, true);
    const others = `${upOf("queue", 9004, false)}${upOf("monitor", 9003, false)}`;
    const tests = [
      told("one dies", executor + others + lost, { 9: [], 14: ["executor-lost"], 60: ["executor-lost"] }),
      told("work waits", executor + others + lost + work, { 20: ["engine-unserved", "executor-lost"] }),
      told("it is still a target when the monitor has forgotten it", executor + others + lost, {
        80: ["service-absent", "service-down"],
      }),
      told(
        "the monitor is away too, so there are two of each",
        executor + upOf("queue", 9004, false) + upOf("monitor", 9003, true),
        {
          14: ["service-absent", "service-down"],
        },
        2,
      ),
    ];
    const tested = await mkdtemp(join(tmpdir(), "ccsp-rules-"));
    try {
      await cp(join(folder, "rules.yaml"), join(tested, "rules.yaml"));
      const text = `rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:${tests.join("")}\n`;
      await writeFile(join(tested, "dead.yaml"), text);
      assert.match(execFileSync(bin, ["test", "rules", "dead.yaml"], { cwd: tested, encoding: "utf8" }), /SUCCESS/);
    } finally {
      await rm(tested, { recursive: true });
    }
  }).timeout(60_000);
});
