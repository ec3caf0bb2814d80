import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
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
});
