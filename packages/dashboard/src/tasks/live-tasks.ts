import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { usePages } from "../parts/pages-of.js";
import { useSteadyRows } from "../parts/table.js";
import type { Task } from "../routes.js";
import { useTaskEvents } from "../store.js";
import { hasEnded } from "../work/task-state.js";
import { type Filter, hasText, readTasks } from "./filter.js";

const STATES: Readonly<Record<string, string>> = {
  "task.enqueued": "QUEUED",
  "task.started": "RUNNING",
  "task.retried": "PARKED",
  "task.completed": "SUCCEEDED",
  "task.failed": "FAILED",
  "task.cancelled": "CANCELLED",
  "task.expired": "EXPIRED",
};
/** Events come in bursts. The first page is read, and the rows are drawn, at most this often. */
const REFRESH_MS = 2000;
const DRAW_MS = 200;

const idOf = ({ id }: Task): string => id;

/** The tasks of the filter, page by page. Events change the state of a row in its place, and find new rows. */
export function useLiveTasks(filter: Filter) {
  const { text, ...asked } = filter;
  const question = JSON.stringify(asked);
  const pages = usePages(question, (token, signal) => readTasks(filter, token, signal), idOf);
  const { rows: read, hasMore } = pages;
  const found = useMemo(() => (text === "" ? read : read.filter((row) => hasText(row, text))), [read, text]);
  const steady = useSteadyRows(found, idOf, question + text, hasMore);
  const { states, changes } = useStates(pages.refresh);
  useEffect(() => {
    // No read is on its way when the rows have just changed, so a row that comes later has its state.
    const known = new Set([...read, ...steady.rows].map(idOf));
    for (const id of states.keys()) if (!known.has(id)) states.delete(id);
  }, [read]);
  const rows = useMemo(() => steady.rows.map((row) => withState(row, states)), [steady.rows, changes]);
  return { ...pages, ...steady, rows, searched: read.length };
}

/** The newest state of each task, from its events. `refresh` is called when the list may have other rows. */
function useStates(refresh: () => void): { readonly states: Map<string, string>; readonly changes: number } {
  const states = useRef(new Map<string, string>()).current;
  const [changes, setChanges] = useState(0);
  const refreshSoon = useSoon(REFRESH_MS, refresh);
  const drawSoon = useSoon(DRAW_MS, () => setChanges((count) => count + 1));
  useTaskEvents(
    {},
    ({ name, data }) => {
      const { taskId } = Object(data);
      const state = STATES[name];
      if (state === undefined || typeof taskId !== "string") return;
      states.set(taskId, state);
      drawSoon();
      refreshSoon();
    },
    refreshSoon,
  );
  return { states, changes };
}

/** Calls at most once in this time, however often it is asked to. */
function useSoon(waitMs: number, call: () => void): () => void {
  const newest = useRef(call);
  newest.current = call;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      newest.current();
    }, waitMs);
  };
}

/** An event can be older than the row: an end state stays. */
function withState(row: Task, states: ReadonlyMap<string, string>): Task {
  const state = states.get(row.id);
  return state === undefined || hasEnded(row.state) ? row : { ...row, state };
}
