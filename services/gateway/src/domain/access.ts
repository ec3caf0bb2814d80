import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";

/** What a token can allow. */
export type Scope = "tasks:submit" | "tasks:read" | "tasks:cancel";

/** What each RPC needs: all of its scopes. The one place that says so. */
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

/** The RPCs that change something: each call of one leaves an audit line. */
export const MUTATING: ReadonlySet<Rpc> = new Set<Rpc>([
  "submitTask",
  "submitTasks",
  "runTask",
  "cancelTask",
  "retryTask",
  "putSchedule",
  "deleteSchedule",
]);

/** Refuses with SCOPE_MISSING, which names the first scope that the caller lacks. */
export function authorise(rpc: Rpc, { kind, subject, scopes }: Identity): void {
  const missing = SCOPES[rpc].find((scope) => !scopes.includes(scope));
  if (missing === undefined) return;
  throw new Refusal("SCOPE_MISSING", `${kind} ${subject} may not do this: its token lacks the scope ${missing}`, {
    metadata: { scope: missing },
  });
}
