import type {
  EngineEvent,
  EngineOptions,
  PermissionMode,
  RunFailure,
  RunResult,
  Usage,
  WindowSignal,
} from "@ccsp/engine-kit";

/**
 * What the executor needs from the queue. Implemented by `../queue/queue-client.ts`.
 *
 * An answer is a string. `lost`: another executor has the lease, or the task has ended. `refused`: the queue will never
 * accept this request. A rejection means that the outcome of the call is unknown. The executor may repeat the call. With
 * a QueueFault, the queue is not away, and a repeat rarely helps.
 */
export interface QueuePort {
  /** May wait for `maxWaitMs` if there is no news. Rejects with the signal's reason when the signal aborts. */
  sync(request: SyncRequest, signal: AbortSignal): Promise<SyncAnswer | "stale">;
  report(lease: LeaseId, report: Report, signal: AbortSignal): Promise<Answer>;
  complete(lease: LeaseId, engine: string, result: KeptResult, signal: AbortSignal): Promise<Answer>;
  fail(lease: LeaseId, ending: FailedAttempt, signal: AbortSignal): Promise<Answer>;
  release(lease: LeaseId, reason: string, signal: AbortSignal): Promise<Answer>;
  /**
   * To be called before `complete`. Another executor can then continue the task's conversation. `transcript` is
   * compressed.
   */
  saveConversation(lease: LeaseId, transcript: Uint8Array, signal: AbortSignal): Promise<Answer>;
  /** `refused`: the queue no longer has the transcript. */
  loadConversation(lease: LeaseId, signal: AbortSignal): Promise<Uint8Array | Exclude<Answer, "ok">>;
}

/** A result, what happened to its turn of a conversation (see `KeptTurn`), and what the run said of usage windows. */
export type KeptResult = RunResult & {
  readonly transcriptFault?: string;
  /** What the queue could not store of the run. Texts for people. */
  readonly notKept?: readonly string[];
  readonly windows?: readonly WindowSignal[] | undefined;
};

/** How an attempt ended, as the queue is told. */
export type Ending =
  | { readonly how: "complete"; readonly engine: string; readonly result: KeptResult }
  | { readonly how: "fail"; readonly failed: FailedAttempt }
  | { readonly how: "release"; readonly reason: string };

export type Answer = "ok" | "lost" | "refused";

/** The queue answered a call with a fault of its own (INTERNAL). */
export class QueueFault extends Error {
  override readonly name = "QueueFault";
}

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
  /** Host and port at which other services reach this executor. */
  readonly address: string;
  readonly maxWaitMs: number;
  readonly emergency: EmergencyReceipt | undefined;
  /** The newest change of slots that the executor has decided by itself, of each engine. */
  readonly slotChanges: readonly { readonly engine: string; readonly change: SlotChange }[];
  /** The answer has to say what waits. */
  readonly adaptsSlots: boolean;
  /** What tasks may ask for here. Undefined: the queue is not told. */
  readonly policy?: ToldPolicy | undefined;
  /** What the queue does not know yet of the windows of logins. */
  readonly windows: readonly LoginWindows[];
}

/** What a provider has said of the usage windows of a login. */
export interface LoginWindows {
  readonly engine: string;
  readonly account: string;
  readonly windows: readonly WindowSignal[];
}

/** The part of the policy by which the queue refuses at once what this executor would refuse. */
export interface ToldPolicy {
  readonly permissionModes: readonly PermissionMode[];
  readonly deniedTools: readonly string[];
  /** The paths of allowed roots, as they are configured and as they are without links. */
  readonly roots: readonly string[];
  /** More roots may be allowed at any time. Then `roots` is empty. */
  readonly rootsMayChange: boolean;
  readonly noWorkingFolders: boolean;
  readonly most: {
    readonly maxWallMs: number;
    readonly outputBytes: number;
    readonly maxTurns: number | undefined;
    readonly maxBudgetUsd: number | undefined;
  };
}

/** A change of slots that the executor has decided by itself. */
export interface SlotChange {
  readonly before: number;
  readonly after: number;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** Nothing was changed. */
  readonly dryRun: boolean;
}

/** The runs that an executor ended for an emergency stop. */
export interface EmergencyReceipt {
  /** The id of the order. */
  readonly id: string;
  readonly ended: readonly EndedRun[];
  /** Runs that still have a process. */
  readonly remaining: number;
}

export interface EndedRun {
  readonly taskId: string;
  /** 0: no process was started. */
  readonly pid: number;
  readonly processes: number;
}

export interface EngineOffer {
  readonly engine: string;
  /** Empty: the engine has only one account. */
  readonly account: string;
  readonly freeSlots: number;
  /** All slots, busy or free. */
  readonly slots: number;
  readonly version: string;
}

export interface SyncAnswer {
  readonly leases: readonly Lease[];
  readonly cancellations: readonly LeaseId[];
  readonly lostTaskIds: readonly string[];
  /** All held leases whose runs may send no more messages to their models, and why. */
  readonly runHolds: readonly (LeaseId & { readonly reason: string })[];
  readonly nextSyncMs: number;
  /** How long the leases last that this call granted or renewed. It counts from when the call was sent. */
  readonly leaseMs: number;
  /** The queue's time when it answered, in ms since the epoch. Undefined: the queue did not send it. */
  readonly timeMs: number | undefined;
  /** Undefined: no emergency stop is in force. */
  readonly emergency: EmergencyOrder | undefined;
  /** What waits for engines. Empty if the call did not ask. */
  readonly backlog: readonly EngineBacklog[];
}

export interface EngineBacklog {
  readonly engine: string;
  readonly waiting: number;
  readonly oldestAgeMs: number;
}

/** An emergency stop. If its level is raised, it gets a new id. Each level includes the levels before it. */
export interface EmergencyOrder {
  readonly id: string;
  readonly level: "no-submit" | "no-start" | "park-running" | "kill";
}

/** The right to one attempt, with what to run. */
export interface Lease extends LeaseId, EngineOptions {
  readonly agentId: string;
  readonly engine: string;
  readonly prompt: string;
  readonly attachments: readonly Attachment[];
  /** Paths on this host. */
  readonly includeFiles: readonly string[];
  /** A path on this host. Empty: the run gets a temporary folder. */
  readonly workingFolder: string;
  /** Undefined: this executor's default. `unknown`: a mode that this version does not know. */
  readonly permissionMode: PermissionMode | "unknown" | undefined;
  /** Undefined: no task will continue from this one. */
  readonly conversation: LeasedConversation | undefined;
  readonly limits: RequestedLimits;
  readonly attempt: number;
  readonly traceparent: string;
  readonly previousTraceparent: string;
}

export interface LeasedConversation {
  /** Id of the conversation to continue. Empty: the task begins a new one. */
  readonly id: string;
  readonly fork: boolean;
  /** The conversation's newest turn. Undefined: there is none, or the queue has forgotten it. */
  readonly held: HeldTurn | undefined;
}

export interface HeldTurn {
  /** Empty: no task can continue from this turn. */
  readonly engineId: string;
  /** The executor that ran the turn. */
  readonly executorId: string;
  /** The fence of the turn's lease. 0: a queue of the previous release does not send it. */
  readonly fence: bigint;
  /** Why the queue does not have the turn's transcript. Empty: the queue has it. */
  readonly fault: string;
}

/** A file that came with the task. */
export interface Attachment {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The limits that the task asks for. Undefined: the executor's default. */
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
  /** The model that ran. Undefined: not known, or nothing ran. */
  readonly model?: string | undefined;
  readonly windows?: readonly WindowSignal[] | undefined;
}
