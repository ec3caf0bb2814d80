import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { follow } from "../store.js";
import type { Wire } from "../wire.js";

export type LogEntry = Wire<TaskEvent>;

/** Entries come faster than anybody reads. */
const DRAW_MS = 100;

/**
 * The log of a task so far, and each new entry as it comes. A stream that breaks off continues after the last entry.
 * `again` changes after an act, because the log of an ended task goes on after a retry.
 */
export function useTaskLog(taskId: string, again: number): readonly LogEntry[] {
  const entries = useRef<LogEntry[]>([]);
  const [shown, show] = useState<readonly LogEntry[]>([]);
  useEffect(() => {
    let drawing: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      drawing ??= setTimeout(() => {
        drawing = undefined;
        show([...entries.current]);
      }, DRAW_MS);
    };
    const last = () => entries.current.at(-1)?.sequence ?? 0;
    const leave = follow(() => ({ topic: "log", filter: { taskId }, after: String(last()) }), {
      onEvent({ data }) {
        const entry: LogEntry = Object(data);
        if (entry.sequence <= last()) return;
        entries.current.push(entry);
        draw();
      },
    });
    return () => {
      leave();
      clearTimeout(drawing);
    };
  }, [taskId, again]);
  return shown;
}
