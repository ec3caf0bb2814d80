import type { CcspClient, RunEnded, RunEvent } from "@ccsp/client";
import { summary } from "./describe.js";
import { EXIT, type ExitCode } from "./exit.js";
import { type Io, note, say, sayJson, writeText } from "./io.js";
import { runEventJson } from "./task-json.js";

export interface FollowOptions {
  readonly client: CcspClient;
  readonly events: (signal: AbortSignal) => AsyncIterable<RunEvent>;
  readonly json: boolean;
  readonly cancelOnInterrupt: boolean;
  /** When the stream does not begin with the task. */
  readonly known?: { readonly taskId: string; readonly traceId: string };
}

/**
 * Shows a run until its end: the answer on standard output, all else on standard error. Ctrl-C leaves the task running and says how
 * to come back, or cancels it and waits for its end; a second Ctrl-C leaves in any case.
 */
export async function followRun(io: Io, options: FollowOptions): Promise<ExitCode> {
  const { client, events, json, cancelOnInterrupt } = options;
  let { taskId, traceId } = options.known ?? { taskId: "", traceId: "" };
  let last = 0;
  let ended: RunEnded | undefined;
  let cancelWanted = false;
  const leaving = new AbortController();

  const cancel = () => {
    note(io, "");
    note(io, `cancelling ${taskId} …`);
    client.cancel(taskId, "interrupted").catch((error: unknown) => note(io, `the cancel failed: ${String(error)}`));
  };
  const stopListening = io.onInterrupt(() => {
    if (!cancelOnInterrupt || cancelWanted) leaving.abort();
    else {
      cancelWanted = true;
      if (taskId) cancel();
    }
  });

  const show = createPrinter(io);
  try {
    for await (const event of events(leaving.signal)) {
      if (event.type === "accepted") {
        taskId = event.task.id;
        traceId = event.task.traceId;
        if (cancelWanted) cancel();
      } else last = event.sequence;
      if (json) sayJson(io, runEventJson(event));
      else await show(event, traceId);
      // A task that was put back since goes on after it: the last one counts.
      ended = event.type === "ended" ? event : undefined;
    }
    return ended ? exitCodeOfEnd(ended) : EXIT.failed;
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    if (ended) return exitCodeOfEnd(ended);
    const comeBack = `the task goes on; watch it with: ccsp watch ${taskId} --after ${last}`;
    note(io, "");
    note(io, taskId ? comeBack : "interrupted before the task was known to be accepted");
    return EXIT.interrupted;
  } finally {
    stopListening();
  }
}

/** Writes events for people. */
function createPrinter(io: Io): (event: RunEvent, traceId: string) => Promise<void> {
  let midLine = false;
  const aside = (line: string) => {
    if (midLine) note(io, "");
    midLine = false;
    note(io, line);
  };
  return async (event, traceId) => {
    switch (event.type) {
      case "accepted":
        return aside(`task ${event.task.id}`);
      case "started":
        return event.attempt > 1 ? aside(`attempt ${event.attempt}: the answer starts anew`) : undefined;
      case "text":
        midLine = !event.text.endsWith("\n");
        return writeText(io, event.text);
      case "tool":
        return aside(`tool ${event.name}`);
      case "notice":
        return aside(`${event.category}: ${event.message}`);
      case "waiting":
        return aside(waitingLine(event.until, event.reason));
      case "cancelling":
        return aside(`is being cancelled${event.reason ? `: ${event.reason}` : ""}`);
      case "ended":
        if (midLine) say(io, "");
        midLine = false;
        for (const line of endLines(event, traceId)) note(io, line);
        return undefined;
    }
  };
}

function waitingLine(until: Date | undefined, reason: string): string {
  return `waits${until ? ` until ${until.toISOString()}` : ""}${reason ? `: ${reason}` : ""}`;
}

function endLines({ state, result, error }: RunEnded, traceId: string): string[] {
  const trace = traceId ? [`trace id    ${traceId}`] : [];
  if (result) return ["", ...summary(result), ...trace];
  return ["", `the task ended ${state}${error?.message ? `: ${error.message}` : ""}`, ...trace];
}

function exitCodeOfEnd({ state }: RunEnded): ExitCode {
  if (state === "SUCCEEDED") return EXIT.ok;
  return state === "CANCELLED" ? EXIT.cancelled : EXIT.failed;
}
