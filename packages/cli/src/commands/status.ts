import type { Capabilities } from "@ccsp/client";
import { Command } from "commander";
import { type ConnectionOptions, connected, localFleet, namedGateway, withConnection } from "../connection.js";
import { sayQueue } from "../describe-queue.js";
import type { ExitCode } from "../exit.js";
import { EXIT, messageOf } from "../exit.js";
import { errorJson, exitCodeOf } from "../failed-call.js";
import { type Io, say } from "../io.js";
import { messageJson } from "../json-forms.js";
import { type LocalStatus, localStatus, localStatusJson } from "../local-status.js";
import { NAMELESS, type OutputOptions } from "../output/format.js";
import { sayTable, showOne } from "../output/show.js";
import { NOTIFICATION_COLUMNS, SERVICE_COLUMNS, USAGE_COLUMNS } from "../tables/status.js";

export function statusCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("status"), NAMELESS)
    .description("show what an installation offers, and what is running and waiting in a local fleet")
    .addHelpText(
      "after",
      `
Asks the gateway. For a local fleet it also asks the services directly:
for their readiness, the queue's depths, the usage of the last 24 hours and the
newest notifications.

Examples:
  ccsp status
  ccsp status -o json | jq .queue.depths`,
    )
    .action(async (options: ConnectionOptions) => {
      const fleet = namedGateway(io, options) === undefined ? await localFleet(io) : undefined;
      const [gateway, local] = await Promise.all([
        connected(io, options, (client) => client.capabilities()).catch((error: unknown) => ({ error })),
        fleet && localStatus(fleet.services),
      ]);
      const failed = "error" in gateway;
      await showOne(io, options, {
        json: async () => ({
          gateway: failed ? { error: errorJson(gateway.error) } : await capabilitiesJson(gateway),
          ...(local && (await localStatusJson(local))),
        }),
        async write() {
          for (const line of failed ? [`gateway: ${messageOf(gateway.error)}`] : gatewayLines(gateway)) say(io, line);
          if (local) await sayLocal(io, options, local);
        },
      });
      end(failed ? exitCodeOf(gateway.error) : EXIT.ok);
    });
}

function gatewayLines({ version, agentId, scopes, engines, maxPromptBytes }: Capabilities): string[] {
  return [
    `gateway ${version}: you are ${agentId} (${scopes.join(" ") || "no scopes"})`,
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

async function sayLocal(io: Io, options: OutputOptions, local: LocalStatus): Promise<void> {
  const { services, queue, usage, notifications } = local;
  say(io, "");
  await sayTable(io, options, SERVICE_COLUMNS, services);
  if (queue) {
    say(io, "");
    await sayQueue(io, options, queue);
  }
  if (usage) {
    say(io, "");
    say(io, `usage of the last 24 hours:${usage.rows.length === 0 ? " none" : ""}`);
    await sayTable(io, options, USAGE_COLUMNS, usage.rows);
  }
  if (notifications && notifications.notifications.length > 0) {
    say(io, "");
    await sayTable(io, options, NOTIFICATION_COLUMNS, notifications.notifications);
  }
}
