import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { signedOut } from "../api.js";
import type { Wire } from "../wire.js";

export type LogEntry = Wire<TaskEvent>;

const KINDS = [
  "stateChanged",
  "textDelta",
  "toolUse",
  "engineNotice",
  "taskEnded",
  "textTakenBack",
  "usageSoFar",
] as const;
/** Entries come faster than anybody reads. */
const DRAW_MS = 100;
const REOPEN_MS = 2000;

/**
 * The log of a task so far, and each new entry as it comes. A lost stream continues after the last entry: the browser
 * opens it again by itself, except after an answer that is no stream. `again` changes after an
 * act, because the log of an ended task goes on after a retry.
 */
export function useTaskLog(taskId: string, again: number): readonly LogEntry[] {
  const entries = useRef<LogEntry[]>([]);
  const [shown, show] = useState<readonly LogEntry[]>([]);
  useEffect(() => {
    let source: EventSource | undefined;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let reopening: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      drawing ??= setTimeout(() => {
        drawing = undefined;
        show([...entries.current]);
      }, DRAW_MS);
    };
    const add = ({ data }: MessageEvent<string>) => {
      const entry: LogEntry = JSON.parse(data);
      if (entry.sequence <= (entries.current.at(-1)?.sequence ?? 0)) return;
      entries.current.push(entry);
      draw();
    };
    const open = () => {
      const after = entries.current.at(-1)?.sequence ?? 0;
      const stream = new EventSource(`/api/v2/tasks/${encodeURIComponent(taskId)}/events?afterSequence=${after}`);
      source = stream;
      for (const kind of KINDS) stream.addEventListener(kind, add);
      stream.addEventListener("end", () => stream.close());
      stream.addEventListener("error", () => {
        if (stream.readyState !== EventSource.CLOSED || entries.current.at(-1)?.taskEnded || signedOut.value) return;
        reopening = setTimeout(open, REOPEN_MS);
      });
    };
    open();
    return () => {
      source?.close();
      clearTimeout(drawing);
      clearTimeout(reopening);
    };
  }, [taskId, again]);
  return shown;
}
