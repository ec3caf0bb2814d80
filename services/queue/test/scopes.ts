import type { Scope } from "../src/domain/gates/scope.js";
import { labelName } from "../src/domain/task/labels.js";
import type { PriorityClass } from "../src/domain/task/task.js";

export const scopes = {
  all: { kind: "all" },
  emergency: { kind: "emergency" },
  class: (priority: PriorityClass): Scope => ({ kind: "class", class: priority }),
  engine: (engine: string): Scope => ({ kind: "engine", engine }),
  agent: (agent: string): Scope => ({ kind: "agent", agent }),
  label: (key: string, value: string): Scope => ({ kind: "label", label: labelName(key, value) }),
  account: (engine: string, account: string): Scope => ({ kind: "account", engine, account }),
  executor: (executor: string, engine: string): Scope => ({ kind: "executor", executor, engine }),
} as const;
