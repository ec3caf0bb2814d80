import { Refusal } from "@ccsp/errors";

/** Each level goes further than the levels before it; see `EmergencyLevel` in the contract. */
export const EMERGENCY_LEVELS = ["no-submit", "no-start", "park-running", "kill"] as const;
export type EmergencyLevel = (typeof EMERGENCY_LEVELS)[number];

/** An emergency stop in force. */
export interface Emergency {
  /** Each raise of the level gets a new id. */
  readonly id: string;
  readonly level: EmergencyLevel;
  readonly who: string;
  readonly why: string;
  /** When the stop was called at this level (ms since 1970). */
  readonly calledMs: number;
}

/** The report of an executor about the runs that it ended for an emergency stop. */
export interface EmergencyReceipt {
  readonly id: string;
  /** Runs whose processes have all ended. */
  readonly ended: readonly { readonly taskId: string; readonly pid: number; readonly processes: number }[];
  /** Runs that still have a process. */
  readonly remaining: number;
}

/** Whether executors have to end their runs and send a receipt. */
export const endsRuns = (stop: Emergency | undefined): boolean =>
  stop?.level === "park-running" || stop?.level === "kill";

/** SUBMIT_STOPPED. It says who called the stop and why. */
export const submitStopped = ({ id, level, who, why }: Emergency): Refusal =>
  new Refusal("SUBMIT_STOPPED", `no task is accepted: emergency stop (${level}) by ${who}: ${why}`, {
    metadata: { emergency_id: id, level },
    preconditions: [{ type: "EMERGENCY_STOP", subject: who, description: why }],
  });

/** Wakes waiting Syncs: a stop was called, changed or ended. */
export const EMERGENCY_TOPIC = "emergency";
/** Wakes the calls that wait for receipts. */
export const RECEIPTS_TOPIC = "receipts";
