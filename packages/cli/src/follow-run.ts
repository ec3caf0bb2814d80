import { type CcspClient, createAnswer, type RunEnded, type RunEvent } from "@ccsp/client";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { askedBy } from "./asked-by.js";
import { summary } from "./describe.js";
import { EXIT, EXIT_OF_SIGNAL, type ExitCode } from "./exit.js";
import { type Io, note, say, sayJson, writeText } from "./io.js";
import { runEventJson } from "./task-json.js";

export interface FollowOptions {
  readonly client: CcspClient;
  readonly events: (signal: AbortSignal) => AsyncIterable<RunEvent>;
  readonly json: boolean;
  readonly cancelOnInterrupt: boolean;
  /** Set when the stream does not begin with the task. The user has already seen the entries up to sequence `after`. */
  readonly known?: { readonly taskId: string; readonly traceId: string; readonly after: number };
}

/**
 * Shows a run until its end: the answer on standard output, everything else on standard error. Ctrl-C leaves the task
 * running and says how to come back; or it cancels the task and waits for its end. A second Ctrl-C always leaves at
 * once.
 *
 * A terminal shows the text while the engine writes it. Text in a pipe or file cannot be taken back. So these get the
 * answer only once, when it is final (`TaskResult.text`).
 */
export async function followRun(io: Io, options: FollowOptions): Promise<ExitCode> {
  const { client, events, json, cancelOnInterrupt } = options;
  let { taskId, traceId } = options.known ?? { taskId: "", traceId: "" };
  const { after } = options.known ?? { after: 0 };
  let last = 0;
  let ended: RunEnded | undefined;
  let cancelWanted = false;
  const leaving = new AbortController();
  let left: ExitCode | undefined;

  const cancel = () => {
    note(io, "");
    note(io, `cancelling ${taskId} …`);
    client.cancel(taskId, "interrupted").catch((error: unknown) => note(io, `the cancel failed: ${String(error)}`));
  };
  const stopListening = io.onInterrupt((signal) => {
    // A terminal that closes may send SIGHUP twice.
    if (cancelWanted && signal === "SIGHUP") return;
    if (!cancelOnInterrupt || cancelWanted) {
      left = EXIT_OF_SIGNAL[signal];
      leaving.abort();
    } else {
      cancelWanted = true;
      if (taskId) cancel();
    }
  });

  const stopHearing = io.onOutputFault(({ code, message }) => {
    // A reader that has seen enough, such as `head`, is not an error.
    left = code === "EPIPE" ? EXIT.unread : EXIT.failed;
    if (code !== "EPIPE") note(io, `ccsp: the output cannot be written: ${message}`);
    leaving.abort();
  });

  const show = io.stdout.isTTY ? createTerminalPrinter(io, after) : createPrinter(io, after);
  try {
    for await (const event of events(leaving.signal)) {
      if (event.type === "accepted") {
        taskId = event.task.id;
        traceId = event.task.traceId;
        if (cancelWanted) cancel();
      } else last = event.sequence;
      // When the task was put back, the log continues after an end. The last end counts.
      ended = event.type === "ended" ? event : undefined;
      if (json) sayJson(io, runEventJson(event));
      else await show(event, traceId);
    }
    return ended ? exitCodeOfEnd(ended) : EXIT.failed;
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    if (ended) return left === EXIT.unread ? left : exitCodeOfEnd(ended);
    // A reader that has gone may not have read all that was written.
    const from = left === EXIT.unread ? "" : ` --after ${last}`;
    const comeBack = `the task continues; watch it with: ccsp watch ${taskId}${from}`;
    note(io, "");
    note(io, taskId ? comeBack : "interrupted before the task was known to be accepted");
    return left ?? EXIT.interrupted;
  } finally {
    stopListening();
    stopHearing();
  }
}

type Printer = (event: RunEvent, traceId: string) => Promise<void>;

/**
 * Writes the answer when the task has ended. A reader who has seen the beginning (`after`) gets only the text after it.
 */
function createPrinter(io: Io, after: number): Printer {
  const answer = createAnswer();
  return async (event, traceId) => {
    const rest = answer.text();
    answer.add(event);
    if (event.type === "ended" && event.result) await writeLine(io, after === 0 ? event.result.text : rest);
    for (const line of asides(event, traceId)) note(io, line);
  };
}

/** Writes messages as they arrive, with an empty line between them. */
function createTerminalPrinter(io: Io, after: number): Printer {
  const answer = createAnswer();
  let midLine = false;
  let message: number | undefined;
  return async (event, traceId) => {
    const shown = answer.text();
    answer.add(event);
    if (event.type === "text") {
      if (message !== undefined && message !== event.message) await writeText(io, midLine ? "\n\n" : "\n");
      message = event.message;
      midLine = !event.text.endsWith("\n");
      return await writeText(io, event.text);
    }
    const lines = asides(event, traceId);
    if (midLine && lines.length > 0) say(io, "");
    if (lines.length > 0) midLine = false;
    if (event.type === "started") message = undefined;
    // A watch that begins later in the log does not repeat the answer: its reader has seen the beginning before.
    if (event.type === "ended" && event.result && shown !== event.result.text && after === 0) {
      await writeLine(io, event.result.text);
    }
    for (const line of lines) note(io, line);
  };
}

async function writeLine(io: Io, text: string): Promise<void> {
  if (text !== "") await writeText(io, text.endsWith("\n") ? text : `${text}\n`);
}

/** Lines about an event, in addition to the answer. */
function asides(event: RunEvent, traceId: string): readonly string[] {
  switch (event.type) {
    case "accepted":
      return [`task ${event.task.id}`];
    case "started":
      return event.attempt > 1 ? [`attempt ${event.attempt}: the answer starts again`] : [];
    case "text":
      return [];
    case "taken-back":
      return ["the text above is taken back: the engine writes it again"];
    case "tool":
      return [`tool ${event.name}`];
    case "notice":
      return [`${event.category}: ${event.message}`];
    case "waiting":
      return [waitingLine(event.until, event.reason)];
    case "cancelling":
      return [`is being cancelled${event.reason ? `: ${event.reason}` : ""}`];
    case "ended":
    default:
      return endLines(event, traceId);
  }
}

function waitingLine(until: Date | undefined, reason: string): string {
  return `waits${until ? ` until ${until.toISOString()}` : ""}${reason ? `: ${reason}` : ""}`;
}

function endLines({ state, result, error }: RunEnded, traceId: string): string[] {
  const trace = traceId ? [`trace id    ${traceId}`] : [];
  if (result) return ["", ...summary(result), ...trace];
  const options = error?.category === ErrorCategory.INVALID_REQUEST ? askedBy(error.message) : [];
  return ["", `the task ended ${state}${error?.message ? `: ${error.message}` : ""}`, ...options, ...trace];
}

function exitCodeOfEnd({ state }: RunEnded): ExitCode {
  if (state === "SUCCEEDED") return EXIT.ok;
  return state === "CANCELLED" ? EXIT.cancelled : EXIT.failed;
}
