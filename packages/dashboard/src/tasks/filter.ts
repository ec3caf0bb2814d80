import { call } from "../api.js";
import { parameter, parameters, setParameters } from "../router.js";
import type { Request, Task } from "../routes.js";
import { may } from "../session.js";
import type { Part } from "../wire.js";
import { labelsOf, seesAll } from "../work/task-state.js";

/** Which tasks the page shows. The address holds it. */
export interface Filter {
  readonly states: readonly string[];
  readonly agent: string;
  readonly classes: readonly string[];
  readonly engine: string;
  /** `key=value` */
  readonly labels: readonly string[];
  /** Looked for in the rows that the page has read: the gateway does not search. */
  readonly text: string;
}

export function filterOfAddress(): Filter {
  return {
    states: parameters("state"),
    agent: parameter("agent") ?? "",
    classes: parameters("class"),
    engine: parameter("engine") ?? "",
    labels: parameters("label").filter(isLabel),
    text: parameter("text") ?? "",
  };
}

/** Writes a part of the filter to the address. Typed text does not add to the history. */
export function setFilter({ states, agent, classes, engine, labels, text }: Partial<Filter>): void {
  setParameters(
    {
      ...(states && { state: states }),
      ...(agent !== undefined && { agent }),
      ...(classes && { class: classes }),
      ...(engine !== undefined && { engine }),
      ...(labels && { label: labels }),
      ...(text !== undefined && { text }),
    },
    { replace: text !== undefined },
  );
}

export const NO_FILTER: Filter = { states: [], agent: "", classes: [], engine: "", labels: [], text: "" };

export const isLabel = (text: string): boolean => /^[^=]+=./.test(text);
const pairOf = (label: string): [string, string] => [
  label.slice(0, label.indexOf("=")),
  label.slice(label.indexOf("=") + 1),
];

/** Whether the filter selects by anything that the gateway knows. */
export const selects = ({ states, agent, classes, engine, labels }: Filter): boolean =>
  states.length + classes.length + labels.length > 0 || agent + engine !== "";

const PAGE_SIZE = 500;

/** A page of tasks, newest first. */
export async function readTasks(filter: Filter, pageToken: string, signal?: AbortSignal, pageSize = PAGE_SIZE) {
  const { states, agent, classes, engine, labels } = filter;
  const byLabel = Object.fromEntries(labels.map(pairOf).map(([key, value]) => [`filter.labels.${key}`, value]));
  const query = {
    states,
    pageSize,
    pageToken,
    "filter.engine": engine,
    "filter.priorities": classes,
    ...byLabel,
    ...(seesAll() && { agentId: agent, promptSnippets: may("prompts:read") }),
  };
  const { tasks, nextPageToken } = await call("GET /tasks", { query }, signal);
  return { rows: tasks, nextPageToken };
}

/** The same filter for the calls that change many tasks. */
export function messageOf({
  states,
  agent,
  classes,
  engine,
  labels,
}: Filter): Part<NonNullable<Request<"POST /tasks/cancel">["filter"]>> {
  return { states, agentId: agent, priorities: classes, engine, labels: Object.fromEntries(labels.map(pairOf)) };
}

/** Whether the text is in what the row shows. */
export function hasText(task: Task, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [task.id, task.promptSnippet, task.agentId, ...labelsOf(task)].some((each) =>
    each.toLowerCase().includes(wanted),
  );
}
