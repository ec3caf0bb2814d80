import type { Emergency, EmergencyStore } from "./emergency/emergency.js";
import type { SituationStore } from "./explain/situation.js";
import type { GateStore } from "./gates/gate-store.js";
import type { FullBound } from "./intake/bounds.js";
import type { Order } from "./order/order.js";
import type { Move, MoveOutcome, Note } from "./task/move.js";
import type { PriorityClass, State, Task, TaskRetry } from "./task/task.js";

/** What the queue needs of its storage. Every change is atomic; each may be asked for twice and then happens once. */
export interface TaskStore extends GateStore, EmergencyStore, SituationStore {
  /** Ms since 1970 on the clock by which this task's times count: that of the Redis it is in. */
  now(id: string): Promise<number>;
  /** By the slowest of all clocks: what was accepted before this was accepted before now, whatever its shard. */
  earliestNow(): Promise<number>;

  enqueue(task: NewTask): Promise<EnqueueOutcome>;
  /** Each for itself, as if it had been alone; answers in their order. Never rejects. */
  enqueueAll(tasks: readonly NewTask[]): Promise<readonly PromiseSettledResult<EnqueueOutcome>[]>;
  /** The event tells what `task` has of it. */
  move(task: Place & Partial<Task>, move: Move, result?: Uint8Array): Promise<MoveOutcome>;
  /** `ahead`: Redis forgot the lease; its holder's next Sync lets it go on. */
  report(report: Report): Promise<"ok" | "lost" | "ahead">;
  sync(heartbeat: Heartbeat): Promise<"stale" | SyncFindings>;
  /** Gives holders of leases time to renew them when nobody could for a while; called before each look at `overdueLeases`. */
  noticeOutage(leaseMs: number): Promise<void>;
  claim(claim: Claim): Promise<"stale" | "unsettled" | Claimed>;
  /** Forgets an ended task, also one that cannot be read any more. */
  remove(task: Pick<Task, "id" | "chunks">): Promise<void>;

  find(id: string): Promise<Task | undefined>;
  /**
   * To tell somebody: an end is then as safe as one that was answered to whoever made it. `whole`: that it has not ended, or no longer has,
   * is as safe.
   */
  findConfirmed(id: string, what?: "end" | "whole"): Promise<Task | undefined>;
  /** The task that is held under this fence, as it was when it was leased or later; any task when it is not held so. */
  findLeased(id: string, fence: number): Promise<Task | undefined>;
  /** In the order of `ids`, without those that are gone or cannot be read. */
  findAll(ids: readonly string[]): Promise<readonly Task[]>;
  findPrompts(id: string): Promise<Uint8Array | undefined>;
  findResult(task: Pick<Task, "id" | "chunks">): Promise<Uint8Array | undefined>;
  /** Agents that have tasks, ended ones included. */
  owners(): Promise<readonly string[]>;
  /** Newest first, older than `before`, which may be another agent's. */
  listIds(agent: string, before: string | undefined, count: number): Promise<readonly string[]>;
  /** Begins a walk over the tasks that may be of these. */
  beginWalk(where: Where): Promise<Cursor>;
  /**
   * About `count` of them, from where the page before ended; the last page has no `next`. Who is one from the beginning to the end is found,
   * perhaps twice, but for one that goes back meanwhile: from an executor to where it waits. Others are found too.
   */
  candidates(where: Where, count: number, cursor: Cursor): Promise<CandidatePage>;
  /** The first log entries after `sequence`, at most `count`, and fewer where they are large; undefined when there is no such task. */
  readLog(id: string, sequence: number, count: number): Promise<LogPage | undefined>;

  overdueLeases(count: number): Promise<readonly string[]>;
  dueParked(count: number): Promise<readonly string[]>;
  dueAlarms(count: number): Promise<readonly string[]>;
  /** When something is due next that was not due when the answer before, with its `seen`, was given; all when absent. */
  nextDue(seen?: NextDue["seen"]): Promise<NextDue>;
  /** Ended tasks to forget, at most `count`, the oldest first: above the bounds on all of them, then those that are too old. */
  expiredEnds(retention: Retention, count: number): Promise<readonly string[]>;
  forgetExecutors(silentMs: number): Promise<void>;

  /** Remembers for `keptMs` when something was prepared that needs a confirmation. */
  keepConfirmation(name: string, preparedMs: number, keptMs: number): Promise<void>;
  /** When it was prepared; undefined when nothing is remembered by this name. It can be taken once. */
  takeConfirmation(name: string): Promise<number | undefined>;

  /** How many urgent tasks of an engine wait that may overtake now. */
  mayOvertake(engine: string, urgentMax: number): Promise<number>;
  depths(): Promise<readonly Depth[]>;
  /** Agents with waiting or running tasks, those with most first. */
  agentLoads(count: number): Promise<readonly AgentLoad[]>;
  counts(): Promise<Counts>;
  executors(seenWithinMs: number): Promise<readonly ExecutorView[]>;
}

/** Which task. Its engine never changes. */
export interface Place {
  readonly id: string;
  readonly engine: string;
}

export interface NewTask extends Place {
  readonly class: PriorityClass;
  readonly agent: string;
  readonly max: number;
  readonly spec: string;
  readonly trace: string;
  readonly prompts: Uint8Array;
  /** Absent when the call cannot be repeated. */
  readonly request?: {
    readonly id: string;
    readonly hash: string;
    /** Of the payload which means the same, where there is one. */
    readonly otherHash?: (() => string) | undefined;
  };
  /** Not before this time (ms since 1970). */
  readonly start?: number;
  readonly conditions?: StartConditions;
  /** As `labelName` has them. */
  readonly labels?: readonly string[];
  readonly retry?: TaskRetry;
  readonly cacheKey?: string;
}

/** On which a task may start; what is absent is none. */
export interface StartConditions {
  /** Of its first run, in ms since 1970. */
  readonly deadline?: number;
  /** The executor that it waits for, and for how many ms; for ever when absent. */
  readonly pin?: string;
  readonly pinMs?: number;
  /** For whom it waits after that, and for how many ms from its acceptance. */
  readonly nextPin?: string;
  readonly nextPinMs?: number;
}

export type EnqueueOutcome =
  | { readonly outcome: "added"; readonly task: Task }
  | { readonly outcome: "known" | "conflict"; readonly id: string }
  | { readonly outcome: "full"; readonly bound: FullBound }
  | { readonly outcome: "stopped"; readonly stop: Emergency };

export interface NextDue {
  /** Until when each shard has been looked at. */
  readonly seen: readonly number[];
  /** In how many ms something is due: of tasks, a gate that opens, an agent's rate that has refilled; Infinity for none. */
  readonly waits: { readonly tasks: number; readonly gates: number; readonly refills: number };
}

/** How many ended tasks are kept, how many bytes they have (spec, log and result), and for how long. */
export interface Retention {
  readonly retentionMs: number;
  readonly maxEnded: number;
  readonly maxEndedBytes: number;
}

/** Which tasks; an empty list of classes means any. */
export interface Where {
  readonly states: readonly State[];
  readonly classes: readonly PriorityClass[];
  readonly engine?: string | undefined;
  readonly agent?: string | undefined;
}

export interface CandidatePage {
  /** When the walk began, on the clock of the shard that the page is of: who was accepted later is not meant. */
  readonly asOf: number;
  readonly found: readonly Candidate[];
  readonly next?: Cursor;
}

/** Of one walk; only the store that made it reads it. */
export type Cursor = string;

export interface Candidate {
  readonly id: string;
  /** It is QUEUED, of an engine, class and agent that were asked for; `sinceMs`: its age, accepted then or before. */
  readonly waits?: { readonly agent: string; readonly sinceMs: number };
}

export interface Report {
  readonly id: string;
  readonly fence: number;
  readonly number: number;
  readonly started?: { readonly traceparent: string };
  readonly entries: readonly Uint8Array[];
}

/** One executor process, at one of its calls. */
export interface SyncMark {
  readonly executor: string;
  readonly boot: string;
  readonly sequence: bigint;
}

/** What an executor can run of one engine. */
export interface Offer {
  readonly engine: string;
  /** The login that its runs use. */
  readonly account: string;
  readonly freeSlots: number;
  /** In all, busy or not. */
  readonly slots: number;
  /** For people. */
  readonly version: string;
}

export interface Heartbeat extends SyncMark {
  readonly draining: boolean;
  readonly offers: readonly Offer[];
  readonly held: readonly { readonly id: string; readonly fence: bigint }[];
  readonly leaseMs: number;
  /** A waiting call that looks once more: renews nothing. */
  readonly again: boolean;
}

export interface SyncFindings {
  readonly lost: readonly string[];
  readonly cancelled: readonly { readonly id: string; readonly fence: number; readonly reason: string }[];
  /** Granted before and not held. */
  readonly unlisted: readonly { readonly id: string; readonly fence: number }[];
  /** Held, and granted by a Redis that forgot it. */
  readonly forgotten: readonly { readonly id: string; readonly fence: number }[];
  /** For how long nothing may be granted, since not all executors have said what they hold; 0: now. */
  readonly holdMs: number;
  /** In force. */
  readonly emergency: Emergency | undefined;
}

export interface Claim extends SyncMark {
  readonly engine: string;
  readonly account: string;
  readonly count: number;
  readonly leaseMs: number;
  /** Prompts after which no more is added: an answer must fit into a message. */
  readonly maxBytes: number;
  readonly order: Order;
  /** Asked for without the findings of its Sync, which was asked for just before: when these have to be settled first, it grants nothing. */
  readonly early: boolean;
}

export interface Claimed {
  readonly grants: readonly Grant[];
  /** How long until time alone lets more start: a gate opens, a rate limit has refilled. Absent: nothing waits for a time. */
  readonly waitMs?: number;
  /** Tasks wait for this executor and for no other. */
  readonly pins: boolean;
  /** Tasks in line that this claim says nothing about: its slots are full, or it was `kept`. 0 when none of what waits may start. */
  readonly left: number;
  /** What let this executor start no more, and may let others: the gate or bound of its login, or its own gate. */
  readonly kept?: "login" | "executor";
}

export interface Grant {
  readonly task: Task;
  readonly fence: number;
  readonly prompts: Uint8Array;
  readonly expireMs: number;
  /** It was granted before, in answer to the same call. */
  readonly again: boolean;
}

/** All in one look. */
export interface LogPage {
  /** As it was then. */
  readonly task: Task;
  /** Oldest first. The entry that says QUEUED at acceptance is not among them. */
  readonly entries: readonly LogEntry[];
  /** Further entries follow. */
  readonly more: boolean;
  /** With the entry that says SUCCEEDED and the answer before it, unless the task has it in `chunks`: `findResult` reads that. */
  readonly result: Uint8Array | undefined;
}

export interface LogEntry {
  readonly sequence: number;
  readonly timeMs: number;
  readonly attempt: number;
  readonly content:
    | { readonly kind: "state"; readonly state: State; readonly note: Note }
    /** The text of the result, of a task that was answered without a run. */
    | { readonly kind: "answer" }
    /** As an executor reported it, in the form of the contract. */
    | { readonly kind: "reported"; readonly event: Uint8Array };
}

/** The task's result belongs to it. */
export const tellsResult = ({ content }: LogEntry): boolean =>
  content.kind === "answer" || (content.kind === "state" && content.state === "SUCCEEDED");

export interface Depth {
  readonly engine: string;
  readonly class: PriorityClass;
  /** For an executor. */
  readonly waiting: number;
  readonly oldestAgeMs: number | undefined;
  readonly running: number;
  /** For a time; of very many the first to be ready. */
  readonly parked: number;
}

export interface AgentLoad {
  readonly agent: string;
  /** For an executor or for a time. */
  readonly waiting: number;
  readonly running: number;
}

export const byLoad = (a: AgentLoad, b: AgentLoad): number =>
  b.waiting + b.running - (a.waiting + a.running) || (a.agent < b.agent ? -1 : 1);

export interface Counts {
  readonly leased: number;
  readonly parked: number;
  readonly scheduled: number;
  readonly ended: number;
  /** What the bounds count. */
  readonly waitingBytes: number;
}

export interface ExecutorView {
  readonly id: string;
  readonly leases: number;
  readonly seenMs: number;
  readonly draining: boolean;
  readonly offers: readonly Offer[];
}

/** Tells that something may have changed. Wake-ups can be lost and come for nothing; they carry no state. */
export interface Wakes {
  /** Hears from now on, so listen first and read then. */
  listen(topics: readonly string[]): Listener;
  /**
   * Wakes one listener of the topic in this process, the one that listens longest, before the word that will wake all. For who has just sent
   * the change: what the listener asks the store for comes right behind it, and needs no wake-up of its own.
   */
  hint(topic: string): void;
  /** Wakes the listeners of the topic of every process. */
  tell(topic: string): void;
}

export interface Listener {
  /** Resolves when something came since the last call, with its topics; with none after `timeoutMs` and when `signal` aborts. */
  next(timeoutMs: number, signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** As if word of the topic had come, to this listener alone. */
  remind(topic: string): void;
  close(): void;
}

export const logTopic = (taskId: string): string => `log:${taskId}`;
export const engineTopic = (engine: string): string => `engine:${engine}`;
/** A gate lets more through. Engines are told too: this is for executors for which tasks wait that no other may have. */
export const GATES_TOPIC = "gates";
/** Something is due sooner than in a second. */
export const DUE_TOPIC = "due";
export const executorTopic = (executor: string): string => `executor:${executor}`;
