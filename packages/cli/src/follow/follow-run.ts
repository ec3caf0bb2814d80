import { createAnswer, type RunEnded, type RunEvent, type Task } from "@ccsp/client";
import type { MessageClient } from "@ccsp/client/messages";
import { summary } from "../describe/task.js";
import { zonedTime } from "../output/words.js";
import { EXIT, type ExitCode } from "../process/exit.js";
import { type Io, note, say, sayJson, writeText } from "../process/io.js";
import { askedBy } from "../tasks/asked-by.js";
import { leftUnanswered } from "../tasks/left-unanswered.js";
import { traceLine } from "../trace/trace-url.js";
import { type Clock, systemClock } from "./clock.js";
import type { EventWithJson } from "./event-with-json.js";
import { listenForLeaving } from "./leaving.js";
import { createProgress, NO_PROGRESS } from "./progress.js";

export interface FollowOptions {
  readonly client: Pick<MessageClient, "cancel" | "explain">;
  readonly events: (signal: AbortSignal) => AsyncIterable<EventWithJson>;
  readonly json: boolean;
  /** Shows only the answer, and why there is none. */
  readonly quiet: boolean;
  readonly cancelOnInterrupt: boolean;
  /** Set when the stream does not begin with the task. The user has already seen the entries up to sequence `after`. */
  readonly known?: { readonly task: Task; readonly after: number };
  /** That of the task which the stream submits. */
  readonly requestId?: string;
  /** Absent: the machine's clock. */
  readonly clock?: Clock;
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
  const { client, events, json, quiet, cancelOnInterrupt, known, requestId, clock = systemClock } = options;
  const after = known?.after ?? 0;
  let task = known?.task;
  let last = 0;
  let ended: RunEnded | undefined;
  let cancelWanted = false;
  const progress = json || quiet ? NO_PROGRESS : createProgress(io, { client, clock, task });

  const cancel = (taskId: string) => {
    progress.hide();
    note(io, "");
    note(io, `cancelling ${taskId} …`);
    client.cancel(taskId, "interrupted").catch((error: unknown) => {
      // The end may come before the answer. Then nobody waits for the answer any more.
      if (ended) return;
      progress.hide();
      note(io, `the cancel failed: ${String(error)}`);
    });
  };
  const leaving = listenForLeaving(io, (signal) => {
    if (!cancelOnInterrupt) return false;
    // A second Ctrl-C leaves at once. A terminal that closes may send SIGHUP twice.
    if (cancelWanted) return signal === "SIGHUP";
    cancelWanted = true;
    if (task) cancel(task.id);
    return true;
  });

  const printer = createPrinter(io, { after, json, quiet });
  try {
    for await (const each of events(leaving.signal)) {
      const { event } = each;
      if (event.type === "accepted") task = event.task;
      else last = event.sequence;
      // When the task was put back, the log continues after an end. The last end counts.
      ended = event.type === "ended" ? event : undefined;
      if (event.type !== "usage") progress.hide();
      await printer.show(each, task?.traceId ?? "");
      progress.follow(event, printer.midLine);
      if (event.type === "accepted" && cancelWanted) cancel(event.task.id);
    }
    return ended ? exitCodeOfEnd(ended) : EXIT.failed;
  } catch (error) {
    progress.close();
    if (!leaving.signal.aborted) throw error;
    const unwritten = leaving.code === EXIT.unread || leaving.code === EXIT.failed;
    if (ended) return unwritten ? leaving.code : exitCodeOfEnd(ended);
    const from = unwritten ? "" : ` --after ${last}`;
    note(io, "");
    if (task) note(io, `the task continues; watch it with: ccsp watch ${task.id}${from}`);
    else if (requestId !== undefined) note(io, leftUnanswered(requestId));
    return leaving.code;
  } finally {
    progress.close();
    leaving.close();
  }
}

/** Prints the events of a run. */
interface Printer {
  show(each: EventWithJson, traceId: string): Promise<void>;
  /** The cursor of the terminal is behind text that has no line end yet. */
  readonly midLine: boolean;
}

interface PrinterOptions {
  /** A reader who has seen the beginning gets only the text after it. */
  readonly after: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

function createPrinter(io: Io, options: PrinterOptions): Printer {
  if (options.json) return { midLine: false, show: async ({ json }) => sayJson(io, await json()) };
  // The messages on the way to the answer are not the answer.
  if (io.stdout.isTTY && !options.quiet) return createTerminalPrinter(io, options.after);
  return createPipePrinter(io, options);
}

/** Writes the answer when the task has ended. */
function createPipePrinter(io: Io, { after, quiet }: PrinterOptions): Printer {
  const answer = createAnswer();
  return {
    midLine: false,
    async show({ event }, traceId) {
      const rest = answer.text();
      answer.add(event);
      if (event.type === "ended" && event.result) await writeLine(io, after === 0 ? event.result.text : rest);
      const lines = quiet ? whyNoAnswer(event) : asides(io, event, traceId);
      for (const line of lines) note(io, line);
    },
  };
}

/** Writes messages as they arrive, with an empty line between them. */
function createTerminalPrinter(io: Io, after: number): Printer {
  const answer = createAnswer();
  let midLine = false;
  let message: number | undefined;
  return {
    get midLine() {
      return midLine;
    },
    async show({ event }, traceId) {
      const shown = answer.text();
      answer.add(event);
      if (event.type === "text") {
        if (message !== undefined && message !== event.message) await writeText(io, midLine ? "\n\n" : "\n");
        message = event.message;
        midLine = !event.text.endsWith("\n");
        return await writeText(io, event.text);
      }
      const lines = asides(io, event, traceId);
      if (midLine && lines.length > 0) say(io, "");
      if (lines.length > 0) midLine = false;
      if (event.type === "started") message = undefined;
      // A watch that begins later in the log does not repeat the answer: its reader has seen the beginning before.
      if (event.type === "ended" && event.result && shown !== event.result.text && after === 0) {
        await writeLine(io, event.result.text);
      }
      for (const line of lines) note(io, line);
    },
  };
}

async function writeLine(io: Io, text: string): Promise<void> {
  if (text !== "") await writeText(io, text.endsWith("\n") ? text : `${text}\n`);
}

const whyNoAnswer = (event: RunEvent): readonly string[] =>
  event.type === "ended" && !event.result ? [endWords(event)] : [];

/** Lines about an event, in addition to the answer. */
function asides(io: Io, event: RunEvent, traceId: string): readonly string[] {
  switch (event.type) {
    case "accepted":
      return [`task ${event.task.id}`];
    case "started":
      return event.attempt > 1 ? [`attempt ${event.attempt}: the answer starts again`] : [];
    case "text":
    case "usage":
      return [];
    case "taken-back":
      return ["the text above is taken back: the engine writes it again"];
    case "tool":
      return [`tool ${event.name}`];
    case "notice":
      return [`${event.category}: ${event.message}`];
    case "waiting":
      return [putBackWords(event.until, event.reason)];
    case "cancelling":
      return [`is being cancelled${event.reason ? `: ${event.reason}` : ""}`];
    case "ended":
    default:
      return endLines(io, event, traceId);
  }
}

function putBackWords(until: Date | undefined, reason: string): string {
  return `waits${until ? ` until ${zonedTime(until)}` : ""}${reason ? `: ${reason}` : ""}`;
}

function endLines(io: Io, ended: RunEnded, traceId: string): string[] {
  const trace = traceId ? [traceLine(io, traceId)] : [];
  if (ended.result) return ["", ...summary(ended.result), ...trace];
  const { error } = ended;
  const options = error?.category === "INVALID_REQUEST" ? askedBy(error.message) : [];
  return ["", endWords(ended), ...options, ...trace];
}

const endWords = ({ state, error }: RunEnded): string =>
  `the task ended ${state}${error?.message ? `: ${error.message}` : ""}`;

function exitCodeOfEnd({ state }: RunEnded): ExitCode {
  if (state === "SUCCEEDED") return EXIT.ok;
  return state === "CANCELLED" ? EXIT.cancelled : EXIT.failed;
}
