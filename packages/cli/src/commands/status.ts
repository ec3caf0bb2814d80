import type { Capabilities } from "@ccsp/client";
import { Command } from "commander";
import { type ConnectionOptions, connected, localFleet, namedGateway, withConnection } from "../connection.js";
import { queueLines } from "../describe-queue.js";
import type { ExitCode } from "../exit.js";
import { EXIT } from "../exit.js";
import { errorJson, exitCodeOf } from "../failed-call.js";
import { type Io, say, sayJson } from "../io.js";
import { type LocalStatus, localStatus, localStatusJson } from "../local-status.js";

export function statusCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("status"))
    .description("show what an installation offers, and what is running and waiting in a local fleet")
    .addHelpText(
      "after",
      `
Asks the gateway. For a local fleet also each service's readiness, the queue's depths, the usage of the last 24 hours
and the newest notifications, directly at the services' ports.

Example:
  ccsp status --json | jq .queue.depths`,
    )
    .action(async (options: ConnectionOptions) => {
      const fleet = namedGateway(io, options) === undefined ? await localFleet(io) : undefined;
      const [gateway, local] = await Promise.all([
        connected(io, options, (client) => client.capabilities()).catch((error: unknown) => ({ error })),
        fleet && localStatus(fleet.services),
      ]);
      const failed = "error" in gateway;
      if (options.json) {
        sayJson(io, {
          gateway: failed ? { error: errorJson(gateway.error) } : gateway,
          ...(local && localStatusJson(local)),
        });
      } else {
        for (const line of failed ? [`gateway: ${messageOf(gateway.error)}`] : gatewayLines(gateway)) say(io, line);
        if (local) for (const line of localLines(local)) say(io, line);
      }
      end(failed ? exitCodeOf(gateway.error) : EXIT.ok);
    });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function gatewayLines({ version, agentId, scopes, engines, maxPromptBytes }: Capabilities): string[] {
  return [
    `gateway ${version}: you are ${agentId} (${scopes.join(" ") || "no scopes"})`,
    `engines: ${engines.join(", ")}; prompts up to ${maxPromptBytes} bytes`,
  ];
}

function localLines({ services, queue, usage, notifications }: LocalStatus): string[] {
  const lines = ["", "services:"];
  for (const { name, index, port, status } of services) {
    lines.push(`  ${`${name}-${index + 1}`.padEnd(15)} ${String(port).padEnd(6)} ${status}`);
  }
  if (queue) {
    lines.push("", ...queueLines(queue));
  }
  if (usage) {
    lines.push("", `usage of the last 24 hours:${usage.rows.length === 0 ? " none" : ""}`);
    for (const { agentId, model, runs, failedRuns, costUsd } of usage.rows) {
      lines.push(
        `  ${agentId} ${model || "unknown model"}: ${runs} runs, ${failedRuns} failed, $${costUsd.toFixed(4)}`,
      );
    }
  }
  if (notifications && notifications.notifications.length > 0) {
    lines.push("", "newest notifications:");
    for (const { eventTime, summary } of notifications.notifications)
      lines.push(`  ${eventTime?.toISOString() ?? ""} ${summary}`);
  }
  return lines;
}
