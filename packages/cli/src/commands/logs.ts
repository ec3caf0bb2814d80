import { open, readFile } from "node:fs/promises";
import { Command } from "commander";
import { CliError, EXIT } from "../exit.js";
import { untilInterrupted } from "../following.js";
import { type Io, sayFormatted, sayJson } from "../io.js";
import { wholeNumber } from "../option-values.js";
import { stateDir } from "../state.js";
import { logFiles } from "../up/fleet-log.js";
import { followLog } from "../up/follow-log.js";
import { createLineFormat, type FleetLine } from "../up/log-lines.js";

interface LogsOptions {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
}

export function logsCommand(io: Io): Command {
  return new Command("logs")
    .description("show the log of fleets that were started with --detach")
    .argument("[service]", "only this service, or one replica of it such as queue-1")
    .option("-f, --follow", "follow the log until interrupted")
    .option("-n, --lines <number>", "how many of the last lines to show first", wholeNumber(), 200)
    .option("--json", "print each line as JSON")
    .addHelpText(
      "after",
      `
Examples:
  ccsp logs -f
  ccsp logs executor -n 50
  ccsp logs gateway --json | jq -r .line | jq 'select(.audit)'`,
    )
    .action((service: string | undefined, options: LogsOptions) => showLog(io, service, options));
}

async function showLog(io: Io, service: string | undefined, { follow, lines, json }: LogsOptions): Promise<void> {
  const format = createLineFormat(io.stdout.isTTY === true && !io.env["NO_COLOR"]);
  const { logFile } = stateDir(io.env);
  const file = await open(logFile).catch(() => {
    throw new CliError(EXIT.usage, `no log at ${logFile}: a fleet keeps one when it is started with --detach`);
  });
  const show = (text: string) => {
    const line = toFleetLine(text);
    if (service !== undefined && line.source !== service && !line.source.startsWith(`${service}-`)) return;
    if (json) sayJson(io, line);
    else sayFormatted(io, format(line));
  };
  try {
    const { complete, rest } = await lastLines(logFile, await file.readFile("utf8"), lines);
    for (const line of complete) show(line);
    if (follow) await untilInterrupted(io, (signal) => followLog({ path: logFile, file, rest, show, signal }));
  } finally {
    await file.close();
  }
}

/**
 * The last lines of the newest file, whose content is `text`. When it has too few lines, the older files add theirs.
 */
async function lastLines(path: string, text: string, most: number): Promise<{ complete: string[]; rest: string }> {
  let complete = text.split("\n");
  const rest = complete.pop() ?? "";
  const [, ...older] = await logFiles(path);
  for (const each of older) {
    if (complete.length >= most) break;
    const earlier = (await readFile(each, "utf8").catch(() => "")).split("\n");
    complete = [...earlier.slice(0, -1), ...complete];
  }
  return { complete: complete.slice(Math.max(0, complete.length - most)), rest };
}

/** Before and after its services run, the fleet itself writes plain text. */
function toFleetLine(text: string): FleetLine {
  try {
    const line: Partial<FleetLine> = JSON.parse(text);
    if (typeof line.source === "string" && typeof line.line === "string")
      return { source: line.source, line: line.line };
  } catch {
    // not JSON
  }
  return { source: "fleet", line: text };
}
