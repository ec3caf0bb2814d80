import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { freePort, SERVICES, type ServiceName } from "@ccsp/fleet";
import { eventually, skip } from "@ccsp/testkit";

const run = promisify(execFile);

/** The part of an alert that this test reads. */
interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

describe("The rules of deploy/prometheus in a real Prometheus", function () {
  this.timeout(300_000);
  let world: World | undefined;
  let folder: string | undefined;
  let server: ChildProcess | undefined;
  after(async () => {
    server?.kill();
    if (server?.exitCode === null && server.signalCode === null) await once(server, "exit");
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    await world?.close();
  });

  it("fire for each service that is stopped, and the stale budgets while the monitor is away", async function () {
    await run("prometheus", ["--version"]).catch(() => skip(this, "Prometheus is not installed (Debian: prometheus)"));
    world = await startWorld({ restart: false });
    const { fleet } = world;
    const ports = new Map(fleet.processes().map(({ name, ports: { ops } }) => [name, ops]));
    folder = await mkdtemp(join(tmpdir(), "ccsp-rules-"));
    const shipped = (name: string) => readFile(join(ROOT, "deploy/prometheus", name), "utf8");
    // The same rules and targets, seen faster: minutes are seconds, and the age of the budgets too.
    const rules = (await shipped("rules.yaml"))
      .replaceAll(/(for|keep_firing_for): (\d+)m/g, "$1: $2s")
      .replace(/(ccsp_queue_budget_state_age_seconds\)\)) > 300/, "$1 > 15");
    await writeFile(join(folder, "rules.yaml"), rules);
    const config = (await shipped("prometheus.yaml"))
      .replace(/(scrape|evaluation)_interval: \d+s/g, "$1_interval: 1s")
      .replace(/127\.0\.0\.1:\d+ # (\w+)/g, (_, name: ServiceName) => `127.0.0.1:${ports.get(name)}`);
    await writeFile(join(folder, "prometheus.yaml"), config);
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
    ];
    server = spawn("prometheus", args, { stdio: "ignore", env: { PATH: process.env["PATH"] } });
    const ask = async <T>(path: string): Promise<T> =>
      JSON.parse(await (await fetch(`http://${address}/api/v1/${path}`)).text()).data;
    const firing = async (): Promise<string[]> =>
      (await ask<{ alerts: Alert[] }>("alerts")).alerts
        .filter(({ state }) => state === "firing")
        .map(({ labels }) => [labels["rule"], labels["service"] ?? labels["instance"] ?? ""].join(" "));
    const patient = { timeoutMs: 60_000 };

    await eventually(async () => {
      const { activeTargets } = await ask<{ activeTargets: { health: string }[] }>("targets");
      assert.deepEqual(
        activeTargets.map(({ health }) => health),
        SERVICES.map(() => "up"),
      );
    }, patient);
    await eventually(async () => assert.deepEqual(await firing(), []), patient);
    // The monitor first: from then on, only Prometheus can report the others.
    for (const service of ["monitor", "notification", "executor", "gateway"] as const) {
      await fleet.terminate(service);
      await eventually(async () => {
        const alerts = await firing();
        for (const alert of [`service-absent ${service}`, `service-down 127.0.0.1:${ports.get(service)}`])
          assert.ok(alerts.includes(alert), `${alert} is not in ${alerts.join(", ")}`);
      }, patient);
    }
    await eventually(async () => assert.ok((await firing()).includes("budget-state-stale ")), patient);
    await fleet.terminate("queue");
    await eventually(async () => assert.ok((await firing()).includes("service-absent queue")), patient);
  });
});
