import { byStart } from "@ccsp/trace-store";
import { Command } from "commander";
import { type ConnectionOptions, connected, namedGateway, withConnection } from "../connection/connection.js";
import { findFleet, stateDir } from "../local-fleet/state.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { mayColour } from "../output/colour.js";
import { widthOf } from "../output/text-width.js";
import { count } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, say, sayFormatted, sayJson } from "../process/io.js";
import { ownTaskId } from "../tasks/own-task.js";
import { type LoadedTrace, loadTrace, type TaskFacts } from "../trace/load-trace.js";
import { spansOfTask } from "../trace/task-spans.js";
import { traceLines } from "../trace/trace-lines.js";
import { TRACE_URL_HELP, traceUrl } from "../trace/trace-url.js";

/** Bars have to end somewhere in a pipe too. */
const PIPE_WIDTH = 100;

interface Named {
  readonly traceId: string;
  /** Undefined if the user named a trace. */
  readonly taskId?: string;
  readonly task?: TaskFacts;
}

/** What the command needs of a trace, wherever it comes from. */
type Shown = Pick<LoadedTrace, "spans" | "droppedSpans" | "complete">;

export function traceCommand(io: Io): Command {
  const command = new Command("trace")
    .description("show where the time of a task went: its spans, as a tree")
    .argument("<task>", `${TASK_ARGUMENT}; or a trace id of 32 hex digits`);
  return withConnection(command)
    .addHelpText(
      "after",
      `
A local fleet keeps the last 1,000 traces while it runs. Elsewhere, the gateway
reads the spans of a task from your tracing system. If it cannot, the command
prints the link. CCSP_TRACE_URL is
${TRACE_URL_HELP.replace(", such", ",\nsuch")}.

Examples:
  ccsp trace TASK
  ccsp trace TASK -o json | jq '.spans[] | {name, startMs, endMs}'`,
    )
    .action(async (name: string, options: ConnectionOptions) => {
      const named = await traceOf(io, name, options);
      const socket = namedGateway(io, options) ? undefined : (await findFleet(stateDir(io.env)))?.traceSocket;
      const json = options.json === true;
      const loaded = socket ? await load(io, socket, named) : await askGateway(io, named, options);
      if (!loaded) sayWhere(io, named.traceId, json);
      else if (json) sayJson(io, { traceId: named.traceId, ...jsonOf(loaded) });
      else sayTrace(io, named, loaded);
    });
}

/** The one place where the word of the user becomes a trace. */
async function traceOf(io: Io, name: string, options: ConnectionOptions): Promise<Named> {
  if (/^[0-9a-f]{32}$/i.test(name)) return { traceId: name.toLowerCase() };
  const {
    id: taskId,
    traceId,
    endTime,
    attempt: attempts,
  } = await connected(io, options, async (client) => client.get(await ownTaskId(client, name)));
  if (traceId) return { traceId, taskId, task: { endTime, attempts } };
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

/**
 * What the gateway reads from the tracing system of the installation. Undefined if it cannot, or if nothing is there; then
 * a note says so.
 */
async function askGateway(io: Io, { taskId, task }: Named, options: ConnectionOptions): Promise<Shown | undefined> {
  if (taskId === undefined) return undefined;
  try {
    const trace = await connected(io, options, async (client) => client.trace(taskId));
    const spans = spansOfTask(trace);
    if (spans.length > 0) return { spans, droppedSpans: 0, complete: task?.endTime !== undefined };
    if (trace.readable)
      note(io, "the tracing system has no spans of this task: they are not there yet, or the collector dropped them");
  } catch (error) {
    // The link is still worth something.
    note(io, `the gateway cannot read the trace: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}

const jsonOf = ({ complete, droppedSpans, spans }: Shown): object => ({
  complete,
  droppedSpans,
  spans: spans.toSorted(byStart),
});

function sayTrace(io: Io, { traceId, task }: Named, { spans, droppedSpans, complete }: Shown): void {
  const width = widthOf(io.stdout) ?? (Number(io.env["COLUMNS"]) || PIPE_WIDTH);
  say(io, `trace ${traceId}, ${count(spans.length, "span")}`);
  const lines = traceLines(spans, { width, color: mayColour(io) });
  for (const line of lines) sayFormatted(io, line);
  if (droppedSpans > 0)
    note(io, `the trace is too long for the store, which dropped ${count(droppedSpans, "span")} of it`);
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
