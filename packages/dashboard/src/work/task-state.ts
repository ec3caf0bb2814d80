import type { Task } from "../routes.js";
import { may, session } from "../session.js";

export const CLASSES = ["URGENT", "HIGH", "NORMAL", "LOW"] as const;
export const WAITING_STATES = ["QUEUED", "PARKED", "SCHEDULED"] as const;
export const HELD_STATES = ["LEASED", "RUNNING", "CANCELLING"] as const;
export const END_STATES = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const;
/** `RetryTask` puts back a task in one of these. */
export const RETRIED_STATES: readonly string[] = ["FAILED", "EXPIRED"];

const among = (states: readonly string[], state: string): boolean => states.includes(state);
export const waits = (state: string): boolean => among(WAITING_STATES, state);
export const hasEnded = (state: string): boolean => among(END_STATES, state);

export const classOf = (task: Task): string => task.spec?.priority ?? "NORMAL";
export const labelsOf = (task: Task): readonly string[] =>
  Object.entries<string>(task.spec?.labels ?? {}).map(([name, value]) => `${name}=${value}`);

/** The person sees the tasks of all agents. Others see the tasks of the agent that they are. */
export const seesAll = (): boolean => may("tasks:read-all");

/** Prompts and answers are shown to those with the scope, and to an agent that looks at its own tasks. */
export const mayReadContent = (): boolean => !seesAll() || may("prompts:read");

/** The scope that the gateway asks for: an operator acts on all tasks, an agent on its own. */
export const cancelScope = (): string => (seesAll() ? "queue:manage" : "tasks:cancel");
export const retryScope = (): string => (seesAll() ? "queue:manage" : "tasks:submit");

/** The name that a gate or a log shows for what this person does. */
export const who = (): string => session.value?.subject ?? "";

export const taskHref = (id: string): string => `/tasks/${encodeURIComponent(id)}`;
