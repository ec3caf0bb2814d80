import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { CliError, EXIT } from "../exit.js";
import { type Io, say } from "../io.js";
import { wholeNumber } from "../option-values.js";
import { stateDir } from "../state.js";
import { createLineFormat, type FleetLine } from "../up/log-lines.js";

interface LogsOptions {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
}

const POLL_MS = 200;

export function logsCommand(io: Io): Command {
  return new Command("logs")
    .description("show the log of a fleet that was started with --detach")
    .argument("[service]", "only this service, or one replica of it such as queue-1")
    .option("-f, --follow", "go on until interrupted")
    .option("-n, --lines <number>", "how many of the last lines to begin with", wholeNumber(), 200)
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
    say(io, json ? JSON.stringify(line) : format(line));
  };
  const stop = new AbortController();
  const stopListening = io.onInterrupt(() => stop.abort());
  try {
    const decoder = new StringDecoder("utf8");
    const all = decoder.write(await file.readFile()).split("\n");
    let rest = all.pop() ?? "";
    for (const line of all.slice(Math.max(0, all.length - lines))) show(line);
    if (!follow) return;
    while (!stop.signal.aborted) {
      await delay(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      const complete = (rest + decoder.write(await file.readFile())).split("\n");
      rest = complete.pop() ?? "";
      for (const line of complete) show(line);
    }
  } finally {
    stopListening();
    await file.close();
  }
}

/** What a fleet says before and after its services run is plain text. */
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
