import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";

/** The permissions that a token can grant. */
export type Scope = "tasks:submit" | "tasks:read" | "tasks:cancel";

/** The scopes that each RPC needs. A caller needs all of them. No other place defines them. */
export const SCOPES = {
  submitTask: ["tasks:submit"],
  runTask: ["tasks:submit", "tasks:read"],
  watchTask: ["tasks:read"],
  getTask: ["tasks:read"],
  listTasks: ["tasks:read"],
  cancelTask: ["tasks:cancel"],
  submitTasks: ["tasks:submit"],
  retryTask: ["tasks:submit"],
  explainTask: ["tasks:read"],
  estimateTask: ["tasks:read"],
  putSchedule: ["tasks:submit"],
  listSchedules: ["tasks:read"],
  deleteSchedule: ["tasks:cancel"],
  getCapabilities: [],
} as const satisfies Record<string, readonly Scope[]>;

export type Rpc = keyof typeof SCOPES;

/** The RPCs that change something. Each call of one writes an audit line. */
export const MUTATING: ReadonlySet<Rpc> = new Set<Rpc>([
  "submitTask",
  "submitTasks",
  "runTask",
  "cancelTask",
  "retryTask",
  "putSchedule",
  "deleteSchedule",
]);

/** Refuses with SCOPE_MISSING. The refusal names the first scope that the caller lacks. */
export function authorise(rpc: Rpc, { kind, subject, scopes }: Identity): void {
  const missing = SCOPES[rpc].find((scope) => !scopes.includes(scope));
  if (missing === undefined) return;
  throw new Refusal("SCOPE_MISSING", `${kind} ${subject} may not do this: its token lacks the scope ${missing}`, {
    metadata: { scope: missing },
  });
}
