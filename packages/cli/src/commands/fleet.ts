import type { GetGlobalMetricsResponse } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { untilInterrupted } from "../follow/following.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayAgain, sayTable, showOne } from "../output/show.js";
import { count, grouped } from "../output/words.js";
import { type Io, note, say } from "../process/io.js";
import { healthLines, INSTANCE_COLUMNS } from "../tables/fleet.js";

type FleetOptions = ConnectionOptions & { readonly watch?: true };

export function fleetCommand(io: Io): Command {
  const fleet = new Command("fleet")
    .description("show the instances of all services: health, version, uptime, CPU and memory")
    .option("--watch", "show it again whenever it changes, at most every two seconds, until Ctrl-C");
  return withConnection(fleet, NAMELESS)
    .addHelpText(
      "after",
      `
Each instance reports to the monitor every 30 s. One that has been silent for
45 s is late, and after 5 min it is not shown any more. CPU is in percent of
one CPU. RUNS are those that an executor has, of those that it may have.
-o wide also shows the hosts and why an instance is not ok. Needs the scope
monitor:read.

Examples:
  ccsp fleet
  ccsp fleet --watch
  ccsp fleet -o json | jq '.instances[] | select(.health != "ok")'`,
    )
    .action(async ({ watch, ...options }: FleetOptions) => {
      const show = (metrics: GetGlobalMetricsResponse) =>
        showOne(io, options, {
          json: () => messageJson("ccsp.monitor.v1.GetGlobalMetricsResponse", metrics),
          write: () => sayFleet(io, options, metrics),
        });
      await atGateway(io, options, async (gateway) => {
        if (!watch) return show(await gateway.getGlobalMetrics({}));
        await untilInterrupted(io, async (signal) => {
          const { readOn } = await import("../follow/read-on.js"); // loads gRPC
          for await (const { metrics } of readOn(io, () => gateway.watchMetrics({}, { signal }), signal)) {
            if (!metrics) continue;
            sayAgain(io, options);
            await show(metrics);
          }
        });
      });
    });
}

async function sayFleet(io: Io, options: ConnectionOptions, metrics: GetGlobalMetricsResponse): Promise<void> {
  const { instances, services, activeRuns, slots, queue } = metrics;
  if (instances.length === 0) return note(io, "no instance has reported to the monitor: is CCSP_HEARTBEAT 0s?");
  const waits = queue
    ? `${grouped(queue.waiting)} waiting, ${grouped(queue.parked)} parked`
    : "the queue does not answer";
  say(io, `fleet: ${count(instances.length, "instance")}, ${activeRuns} of ${count(slots, "slot")} in use, ${waits}`);
  const versions = new Set(services.flatMap((service) => service.versions));
  if (versions.size > 1) say(io, `versions are mixed: ${[...versions].sort().join(", ")}`);
  say(io, "");
  await sayTable(io, options, INSTANCE_COLUMNS, instances);
  const lines = healthLines(instances);
  if (lines.length > 0) say(io, "");
  for (const line of lines) say(io, line);
}
