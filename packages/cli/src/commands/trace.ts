import { byStart } from "@ccsp/trace-store";
import { Command } from "commander";
import { type ConnectionOptions, connected, namedGateway, withConnection } from "../connection.js";
import { CliError, EXIT } from "../exit.js";
import { type Io, note, say, sayFormatted, sayJson } from "../io.js";
import { ownTaskId } from "../own-task.js";
import { findFleet, stateDir } from "../state.js";
import { type LoadedTrace, loadTrace, type TaskFacts } from "../trace/load-trace.js";
import { traceLines } from "../trace/trace-lines.js";
import { TRACE_URL_HELP, traceUrl } from "../trace/trace-url.js";

interface Named {
  readonly traceId: string;
  readonly task?: TaskFacts;
}

export function traceCommand(io: Io): Command {
  const command = new Command("trace")
    .description("show where the time of a task went: its spans, as a tree")
    .argument("<task>", "task id, or trace id (32 hex digits)");
  return withConnection(command)
    .addHelpText(
      "after",
      `
A local fleet keeps the last 1,000 traces while it runs. Elsewhere, the command prints the link to your tracing system:
CCSP_TRACE_URL is ${TRACE_URL_HELP}.

Examples:
  ccsp trace TASK
  ccsp trace TASK -o json | jq '.spans[] | {name, startMs, endMs}'`,
    )
    .action(async (name: string, options: ConnectionOptions) => {
      const named = await traceOf(io, name, options);
      const socket = namedGateway(io, options) ? undefined : (await findFleet(stateDir(io.env)))?.traceSocket;
      const json = options.json === true;
      const loaded = socket && (await load(io, socket, named));
      if (!loaded) sayWhere(io, named.traceId, json);
      else if (json) sayJson(io, { traceId: named.traceId, ...jsonOf(loaded) });
      else sayTrace(io, named, loaded);
    });
}

/** The one place where the word of the user becomes a trace. */
async function traceOf(io: Io, name: string, options: ConnectionOptions): Promise<Named> {
  if (/^[0-9a-f]{32}$/i.test(name)) return { traceId: name.toLowerCase() };
  const {
    traceId,
    endTime,
    attempt: attempts,
  } = await connected(io, options, async (client) => client.get(await ownTaskId(client, name)));
  if (traceId) return { traceId, task: { endTime, attempts } };
  throw new CliError(EXIT.notFound, `task ${name} has no trace`);
}

/** Undefined when the trace is not here but has an address elsewhere. */
async function load(io: Io, socket: string, { traceId, task }: Named): Promise<LoadedTrace | undefined> {
  const loaded = await loadTrace({ socket, traceId, task });
  if (loaded.spans.length > 0) return loaded;
  if (traceUrl(io, traceId) !== undefined) return undefined;
  const why =
    task && task.endTime === undefined
      ? "the task has not ended, and a span comes when it ends"
      : `the fleet keeps the last 1,000 traces since its start; ${loaded.store.droppedTraces} older ones were dropped`;
  throw new CliError(EXIT.notFound, `there are no spans of trace ${traceId}: ${why}`);
}

const jsonOf = ({ complete, droppedSpans, spans }: LoadedTrace): object => ({
  complete,
  droppedSpans,
  spans: spans.toSorted(byStart),
});

function sayTrace(io: Io, { traceId, task }: Named, { spans, droppedSpans, complete }: LoadedTrace): void {
  const { stdout, env } = io;
  const width = stdout.columns ?? (Number(env["COLUMNS"]) || 100);
  say(io, `trace ${traceId}, ${spans.length} ${spans.length === 1 ? "span" : "spans"}`);
  const lines = traceLines(spans, { width, color: stdout.isTTY === true && !env["NO_COLOR"] });
  for (const line of lines) sayFormatted(io, line);
  if (droppedSpans > 0) note(io, `${droppedSpans} more spans of this trace were dropped: it is too long for the store`);
  if (complete || droppedSpans > 0) return;
  const running = task !== undefined && task.endTime === undefined;
  const why = running ? "the task has not ended" : "spans still run, are late, or were kept elsewhere";
  note(io, `the trace is not complete yet: ${why}`);
}

function sayWhere(io: Io, traceId: string, json: boolean): void {
  const url = traceUrl(io, traceId);
  if (json) return sayJson(io, { traceId, ...(url !== undefined && { url }) });
  say(io, url ?? traceId);
  if (url === undefined) {
    note(io, `this is its trace id; no traces are kept here. For a link, set CCSP_TRACE_URL to ${TRACE_URL_HELP}`);
  }
}
