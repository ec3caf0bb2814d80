import { Refusal } from "@ccsp/errors";

/** Each goes further than those before it; see the contract's `EmergencyLevel`. */
export const EMERGENCY_LEVELS = ["no-submit", "no-start", "park-running", "kill"] as const;
export type EmergencyLevel = (typeof EMERGENCY_LEVELS)[number];

/** An emergency stop in force. */
export interface Emergency {
  /** New with each raise of the level. */
  readonly id: string;
  readonly level: EmergencyLevel;
  readonly who: string;
  readonly why: string;
  /** When its level was reached, in ms since 1970. */
  readonly calledMs: number;
}

/** What an executor says that it ended for an emergency stop. */
export interface EmergencyReceipt {
  readonly id: string;
  /** Runs whose processes are all gone. */
  readonly ended: readonly { readonly taskId: string; readonly pid: number; readonly processes: number }[];
  /** Runs that still have a process. */
  readonly remaining: number;
}

/** Executors end what runs, and say so. */
export const endsRuns = (stop: Emergency | undefined): boolean =>
  stop?.level === "park-running" || stop?.level === "kill";

/** SUBMIT_STOPPED, saying whose stop it is and why. */
export const submitStopped = ({ id, level, who, why }: Emergency): Refusal =>
  new Refusal("SUBMIT_STOPPED", `no task is accepted: emergency stop (${level}) by ${who}: ${why}`, {
    metadata: { emergency_id: id, level },
    preconditions: [{ type: "EMERGENCY_STOP", subject: who, description: why }],
  });

/** Wakes Syncs, since there is another stop or none any more. */
export const EMERGENCY_TOPIC = "emergency";
/** Wakes who waits for receipts. */
export const RECEIPTS_TOPIC = "receipts";
