import type { Task } from "./task.js";

/** Who asks about a task. An agent sees its own tasks only, an operator those of every agent. */
export type Caller = { readonly kind: "agent"; readonly id: string } | { readonly kind: "operator" };

export const OPERATOR: Caller = { kind: "operator" };

export const asAgent = (id: string): Caller => ({ kind: "agent", id });

export const maySee = (caller: Caller, { agent }: Pick<Task, "agent">): boolean =>
  caller.kind === "operator" || caller.id === agent;
