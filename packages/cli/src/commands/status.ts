import type { Capabilities } from "@ccsp/client";
import { Command } from "commander";
import { accessWords } from "../auth/roles.js";
import {
  asAgent,
  type ConnectionOptions,
  localFleet,
  namedGateway,
  withConnection,
  withGateway,
} from "../connection/connection.js";
import { atQueue, findDirectPath } from "../connection/direct-queue.js";
import { askInstallation, type InstallationStatus, installationJson } from "../connection/installation-status.js";
import { asOperator } from "../connection/operator.js";
import { executorLines } from "../describe/executors.js";
import { sayQueue } from "../describe/queue.js";
import { localStatus, type ServiceStatus } from "../local-fleet/local-status.js";
import type { FleetState } from "../local-fleet/state.js";
import { NAMELESS, type OutputOptions } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayTable, showOne } from "../output/show.js";
import { EXIT, type ExitCode, messageOf } from "../process/exit.js";
import { type Io, say } from "../process/io.js";
import { NOTIFICATION_COLUMNS, SERVICE_COLUMNS, USAGE_COLUMNS } from "../tables/status.js";

export function statusCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("status"), NAMELESS)
    .description("show what an installation offers, what is running and waiting there, and what your token allows")
    .addHelpText(
      "after",
      `
Asks the gateway: for what it offers and, as far as the token allows, for the
queue's depths, the executors, the usage of the last 24 hours and the newest
notifications. For a local fleet it also asks each service whether it is ready.

Examples:
  ccsp status
  ccsp status -o json | jq .queue.depths`,
    )
    .action(async (options: ConnectionOptions) => {
      const fleet = namedGateway(io, options) === undefined ? await localFleet(io) : undefined;
      const [gateway, services] = await Promise.all([
        askGateway(io, options).catch((error: unknown) => ({ error })),
        fleet && localStatus(fleet.services),
      ]);
      const failed = "error" in gateway;
      const installation = failed ? await askQueue(io, options, fleet) : gateway.installation;
      const { errorJson, exitCodeOf } = await import("../connection/failed-call.js"); // loads gRPC
      await showOne(io, options, {
        json: async () => ({
          gateway: failed ? { error: errorJson(gateway.error) } : await capabilitiesJson(gateway.capabilities),
          ...(fleet?.http !== undefined && { http: fleet.http }),
          ...(services && { services }),
          ...(await installationJson(installation)),
        }),
        async write() {
          if (failed) say(io, `gateway: ${messageOf(gateway.error)}`);
          else for (const line of gatewayLines(gateway.capabilities)) say(io, line);
          if (fleet?.http !== undefined) say(io, `dashboard and REST at ${fleet.http}`);
          if (services) await sayServices(io, options, services);
          await sayInstallation(io, options, installation);
        },
      });
      end(failed ? exitCodeOf(gateway.error) : EXIT.ok);
    });
}

const askGateway = (io: Io, options: ConnectionOptions) =>
  withGateway(io, options, async (gateway) => {
    const capabilities = await asAgent(gateway, (client) => client.capabilities());
    const installation = await asOperator(gateway, (operator) => askInstallation(operator, capabilities.scopes));
    return { capabilities, installation };
  });

/** When the gateway of a local fleet does not answer, the queue still shows what waits and runs. */
async function askQueue(
  io: Io,
  options: ConnectionOptions,
  fleet: FleetState | undefined,
): Promise<InstallationStatus> {
  if (!fleet) return { parts: {}, missing: [] };
  try {
    const status = await atQueue(io, await findDirectPath(io, options), (queue) => queue.getStatus({}));
    return { parts: { queue: status }, missing: [] };
  } catch (error) {
    return { parts: {}, missing: [`not shown: queue: ${messageOf(error)}`] };
  }
}

function gatewayLines({ version, agentId, scopes, engines, maxPromptBytes }: Capabilities): string[] {
  return [
    `gateway ${version}: you are ${agentId} (${accessWords(scopes)})`,
    `engines: ${engines.join(", ")}; prompts up to ${maxPromptBytes} bytes`,
  ];
}

const capabilitiesJson = (capabilities: Capabilities): Promise<object> =>
  messageJson("ccsp.gateway.v1.GetCapabilitiesResponse", {
    ...capabilities,
    engines: [...capabilities.engines],
    scopes: [...capabilities.scopes],
    maxPromptBytes: BigInt(capabilities.maxPromptBytes),
  });

async function sayServices(io: Io, options: OutputOptions, services: readonly ServiceStatus[]): Promise<void> {
  say(io, "");
  await sayTable(io, options, SERVICE_COLUMNS, services);
}

async function sayInstallation(io: Io, options: OutputOptions, status: InstallationStatus): Promise<void> {
  const { queue, executors, usage, notifications } = status.parts;
  if (queue) {
    say(io, "");
    await sayQueue(io, options, queue);
  }
  const lines = executors ? executorLines(executors.executors) : [];
  if (lines.length > 0) say(io, "");
  for (const line of lines) say(io, line);
  if (usage) {
    say(io, "");
    say(io, `usage of the last 24 hours:${usage.rows.length === 0 ? " none" : ""}`);
    await sayTable(io, options, USAGE_COLUMNS, usage.rows);
  }
  if (notifications && notifications.notifications.length > 0) {
    say(io, "");
    await sayTable(io, options, NOTIFICATION_COLUMNS, notifications.notifications);
  }
  if (status.missing.length > 0) say(io, "");
  for (const line of status.missing) say(io, line);
}
