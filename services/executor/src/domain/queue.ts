import type { EngineEvent, EngineOptions, PermissionMode, RunFailure, RunResult, Usage } from "@ccsp/engine-kit";

/**
 * What the executor needs from the queue. Implemented by `../queue/queue-client.ts`.
 *
 * Answers are words. `lost`: the lease is someone else's, or the task has ended. `refused`: the queue will never accept this
 * request. A rejection means that nothing is known about the call, and it may be repeated.
 */
export interface QueuePort {
  /** May wait for `maxWaitMs` when there is no news. Rejects with the signal's reason when aborted. */
  sync(request: SyncRequest, signal: AbortSignal): Promise<SyncAnswer | "stale">;
  report(lease: LeaseId, report: Report, signal: AbortSignal): Promise<Answer>;
  complete(lease: LeaseId, engine: string, result: KeptResult, signal: AbortSignal): Promise<Answer>;
  fail(lease: LeaseId, ending: FailedAttempt, signal: AbortSignal): Promise<Answer>;
  release(lease: LeaseId, reason: string, signal: AbortSignal): Promise<Answer>;
  /** Before `complete`: for whoever goes on with the task's conversation elsewhere. `transcript` is compressed. */
  saveConversation(lease: LeaseId, transcript: Uint8Array, signal: AbortSignal): Promise<Answer>;
  /** `refused`: the queue does not have it any more. */
  loadConversation(lease: LeaseId, signal: AbortSignal): Promise<Uint8Array | Exclude<Answer, "ok">>;
}

/** A result with what became of its turn of a conversation: see `KeptTurn`. */
export type KeptResult = RunResult & { readonly transcriptFault?: string };

export type Answer = "ok" | "lost" | "refused";

export interface LeaseId {
  readonly taskId: string;
  readonly fence: bigint;
}

export interface SyncRequest {
  readonly executorId: string;
  readonly bootId: string;
  readonly sequence: number;
  readonly leases: readonly LeaseId[];
  readonly engines: readonly EngineOffer[];
  readonly draining: boolean;
  readonly maxWaitMs: number;
  readonly emergency: EmergencyReceipt | undefined;
}

/** What an executor ended for an emergency stop. */
export interface EmergencyReceipt {
  /** The order's. */
  readonly id: string;
  readonly ended: readonly EndedRun[];
  /** Runs that still have a process. */
  readonly remaining: number;
}

export interface EndedRun {
  readonly taskId: string;
  /** 0: no process had been started. */
  readonly pid: number;
  readonly processes: number;
}

export interface EngineOffer {
  readonly engine: string;
  /** Empty: the only one. */
  readonly account: string;
  readonly freeSlots: number;
  /** In all, busy or not. */
  readonly slots: number;
  readonly version: string;
}

export interface SyncAnswer {
  readonly leases: readonly Lease[];
  readonly cancellations: readonly LeaseId[];
  readonly lostTaskIds: readonly string[];
  readonly nextSyncMs: number;
  /** How long leases last that this call granted or renewed, from when it was sent. */
  readonly leaseMs: number;
  /** The queue's time when it answered, in ms since the epoch; undefined: it did not say. */
  readonly timeMs: number | undefined;
  /** Undefined: none is in force. */
  readonly emergency: EmergencyOrder | undefined;
}

/** An emergency stop; a raised one has a new id. Each level includes those before it. */
export interface EmergencyOrder {
  readonly id: string;
  readonly level: "no-submit" | "no-start" | "park-running" | "kill";
}

/** A right to one attempt, with what to run. */
export interface Lease extends LeaseId, EngineOptions {
  readonly agentId: string;
  readonly engine: string;
  readonly prompt: string;
  readonly attachments: readonly Attachment[];
  /** Paths on this host. */
  readonly includeFiles: readonly string[];
  /** A path on this host; empty: a throwaway folder. */
  readonly workingFolder: string;
  /** Undefined: this executor's default. `unknown`: one that this version does not know. */
  readonly permissionMode: PermissionMode | "unknown" | undefined;
  /** Undefined: nobody will go on from this task. */
  readonly conversation: LeasedConversation | undefined;
  readonly limits: RequestedLimits;
  readonly attempt: number;
  readonly traceparent: string;
  readonly previousTraceparent: string;
}

export interface LeasedConversation {
  /** Of the conversation to go on with; empty: the task begins one. */
  readonly id: string;
  readonly fork: boolean;
  /** Its newest turn; undefined: there is none, or it was forgotten. */
  readonly held: HeldTurn | undefined;
}

export interface HeldTurn {
  /** Empty: nobody can go on from it. */
  readonly engineId: string;
  /** Who ran it. */
  readonly executorId: string;
  /** The fence of the turn's lease; 0: a queue of the release before does not say. */
  readonly fence: bigint;
  /** Why the queue does not have its transcript; empty: it was saved there. */
  readonly fault: string;
}

/** A file that came with the task. */
export interface Attachment {
  readonly name: string;
  readonly content: Uint8Array;
}

/** What the task asks for; undefined: the executor's default. */
export interface RequestedLimits {
  readonly wallMs: number | undefined;
  readonly outputBytes: number | undefined;
  readonly turns: number | undefined;
  readonly budgetUsd: number | undefined;
}

export interface Report {
  readonly sequence: number;
  readonly started: { readonly traceparent: string } | undefined;
  readonly events: readonly EngineEvent[];
}

export interface FailedAttempt {
  readonly failure: RunFailure;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
}
