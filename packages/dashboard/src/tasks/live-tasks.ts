import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LiveMessage } from "../live.js";
import { usePages } from "../parts/pages-of.js";
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
/** Events come in bursts. The first page is read at most this often. */
const REFRESH_MS = 2000;

const idOf = ({ id }: Task): string => id;

/** The tasks of the filter, page by page. Events change the state of a row in its place, and find new rows. */
export function useLiveTasks(filter: Filter) {
  const { text, ...asked } = filter;
  const question = JSON.stringify(asked);
  const pages = usePages(question, (token, signal) => readTasks(filter, token, signal), idOf);
  const states = useRef(new Map<string, string>());
  const [changes, setChanges] = useState(0);
  const refresh = useRef(pages.refresh);
  refresh.current = pages.refresh;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const refreshSoon = () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      refresh.current();
    }, REFRESH_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useTaskEvents(
    {},
    (event) => note(event, states.current, () => setChanges((count) => count + 1)) && refreshSoon(),
    refreshSoon,
  );

  const current = useMemo(
    () => (changes === 0 ? pages.rows : pages.rows.map((row) => withState(row, states.current))),
    [pages.rows, changes],
  );
  const rows = useMemo(() => (text === "" ? current : current.filter((row) => hasText(row, text))), [current, text]);
  return { ...pages, rows, searched: current.length, question: question + text };
}

/** Whether the list may have other rows after this event. */
function note({ name, data }: LiveMessage, states: Map<string, string>, changed: () => void): boolean {
  const { taskId } = Object(data);
  const state = STATES[name];
  if (state === undefined || typeof taskId !== "string") return false;
  states.set(taskId, state);
  changed();
  return true;
}

/** An event can be older than the row: an end state stays. */
function withState(row: Task, states: ReadonlyMap<string, string>): Task {
  const state = states.get(row.id);
  return state === undefined || hasEnded(row.state) ? row : { ...row, state };
}
