import { invalidFields, Refusal } from "@ccsp/errors";
import { type ExecutorStore, PRESENT_MS } from "../domain/executors/executor-store.js";
import { Faults } from "../domain/fields/faults.js";
import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { StartConditions } from "../domain/task/alarm.js";
import { shardOfTask } from "../domain/task/shard.js";
import { isEnded, isHeld, type Task } from "../domain/task/task.js";
import type { TaskReads } from "../domain/task/task-store.js";
import type { Conversation, ConversationStore, Owner, Turn } from "./conversation.js";

/** `TaskSpec.conversation`. */
export interface Asked {
  readonly id: string;
  readonly fork: boolean;
}

/** What a task that continues a conversation follows. */
export interface Followed {
  /** The newest turn. */
  readonly head: Turn;
  /** Where the task should start. Undefined: anywhere. */
  readonly conditions?: StartConditions;
}

/** A turn whose result is not stored yet. */
export interface PendingTurn {
  /** The id that the result names. */
  readonly conversationId: string;
  /** The caller calls this when the result is stored. It is safe to repeat. */
  done(): Promise<void>;
}

/** What a run reports about its turn. */
export interface LeftTurn {
  /** Empty: no task can continue from this turn. */
  readonly engineId: string;
  /** Why the transcript was not saved. Empty: it was saved. */
  readonly fault: string;
}

export type Conversations = ReturnType<typeof createConversations>;

export interface ConversationsDeps {
  readonly store: ConversationStore;
  readonly tasks: TaskReads & ExecutorStore;
  /** See ConversationConfig. */
  readonly affinityMs: number;
}

const MAX_TRANSCRIPT_BYTES = 8 * 1024 * 1024;
/**
 * How long a turn waits for the only executor that can continue the conversation, also while that executor restarts.
 */
const ONLY_THERE_MS = 10 * 60_000;

/** The rules of conversations; see docs/queue-features.md. */
export function createConversations({ store, tasks, affinityMs }: ConversationsDeps) {
  return {
    /** Undefined: the task begins a conversation. Throws CONVERSATION_NOT_FOUND, or INVALID_FIELD. */
    async follow(agent: string, engine: string, { id }: Asked): Promise<Followed | undefined> {
      if (id === "") return undefined;
      const found = await load({ store, tasks }, id);
      if (found === undefined || found.agent !== agent) throw notFound(id);
      if (found.engine !== engine) {
        const description = `is a conversation with ${found.engine}, not with ${engine}`;
        throw invalidFields([{ field: "spec.conversation.id", description }]);
      }
      const { head } = found;
      const { executor, engineId, fault } = head;
      // No executor can continue from this turn, and any executor can report that.
      if (engineId === "") return { head };
      if (fault !== undefined)
        return { head, conditions: { pin: executor, pinMs: Math.max(affinityMs, ONLY_THERE_MS) } };
      if (affinityMs === 0) return { head };
      const living = (await tasks.executors(PRESENT_MS)).find((each) => each.id === executor && !each.draining);
      return { head, ...(living && { conditions: { pin: executor, pinMs: affinityMs } }) };
    },

    /** W3C trace context of the task of a turn. Undefined: there is none. */
    async traceOf({ task }: Turn): Promise<string | undefined> {
      return (await tasks.find(task))?.trace;
    },

    /**
     * The turn from which the holder of a task's lease continues: the newest one at this moment. Undefined: the task
     * continues no conversation, or the queue forgot it.
     */
    async held({ id }: Asked): Promise<Turn | undefined> {
      return id === "" ? undefined : (await load({ store, tasks }, id))?.head;
    },

    /**
     * Announces the turn of a lease; the caller calls this before it stores the result. Undefined: the lease is lost.
     * Throws INVALID_FIELD.
     */
    async complete(task: Task, fence: number, asked: Asked, left: LeftTurn): Promise<PendingTurn | undefined> {
      // A result may come after the end of its lease, as long as no later one was granted.
      const current = task.fence === fence && !isEnded(task.state);
      if (!current && !completed(task, fence)) return undefined;
      checkLeft(left);
      const { engineId, fault } = left;
      const conversationId = asked.id === "" || asked.fork ? task.id : asked.id;
      const cause = fault === "" ? undefined : { fault: cut(fault, MAX_REASON_BYTES) };
      const turn: Turn = { task: task.id, fence, engineId, executor: task.executor ?? "", ...cause };
      await store.announce(conversationId, task, turn);
      return {
        conversationId: engineId === "" ? "" : conversationId,
        async done() {
          await advance(store, conversationId, { owner: task, head: (await store.find(conversationId))?.head, turn });
        },
      };
    },

    ...createTranscripts({ store, tasks }),
  };
}

type LoadDeps = Pick<ConversationsDeps, "store" | "tasks">;

/** The engine's own record of a conversation. Another executor needs it to continue. */
function createTranscripts({ store, tasks }: LoadDeps) {
  return {
    /** Throws LEASE_LOST, INVALID_FIELD. */
    async save(taskId: string, fence: number, transcript: Uint8Array): Promise<void> {
      if (transcript.byteLength > MAX_TRANSCRIPT_BYTES) {
        const description = `has ${transcript.byteLength} bytes, at most ${MAX_TRANSCRIPT_BYTES}`;
        throw invalidFields([{ field: "transcript", description }]);
      }
      if (shardOfTask(taskId) === undefined || (await store.keepTranscript(taskId, fence, transcript)) === "lost") {
        throw leaseLost();
      }
    },

    /** Throws LEASE_LOST, CONVERSATION_NOT_FOUND. */
    async load(task: Task | undefined, fence: number, asked: Asked | undefined): Promise<Buffer> {
      if (task?.fence !== fence || !isHeld(task.state)) throw leaseLost();
      const head = asked && asked.id !== "" ? (await load({ store, tasks }, asked.id))?.head : undefined;
      const transcript = head && (await store.findTranscript(head.task));
      if (transcript === undefined) throw notFound(asked?.id ?? "");
      return transcript;
    },
  };
}

/**
 * Reads a conversation that has a head. Makes the last turn the head first when the replica that completed it died
 * before it did so.
 */
async function load(
  { store, tasks }: LoadDeps,
  id: string,
): Promise<(Conversation & { readonly head: Turn }) | undefined> {
  const found = await store.find(id);
  if (found === undefined) return undefined;
  const { head, next } = found;
  if (next && next.fence > (head?.fence ?? 0) && completed(await tasks.find(next.task), next.fence)) {
    await advance(store, id, { owner: found, head, turn: next });
    return load({ store, tasks }, id);
  }
  return head && { ...found, head };
}

/**
 * Makes a turn the head, unless the head is a later turn. Drops the transcript of the older of the two, because no task
 * continues from it any more.
 */
async function advance(
  store: ConversationStore,
  id: string,
  { owner, head, turn }: { readonly owner: Owner; readonly head: Turn | undefined; readonly turn: Turn },
): Promise<void> {
  if ((await store.advance(id, owner, turn)) === "later") await store.dropTranscript(turn.task);
  else if (head && head.task !== turn.task) await store.dropTranscript(head.task);
}

/** Throws INVALID_FIELD. */
function checkLeft({ engineId, fault }: LeftTurn): void {
  const faults = new Faults();
  const hasNoTranscript = engineId === "" && fault !== "";
  const named = engineId.length <= 256 && /^[\x21-\x7e]+$/.test(engineId);
  faults.unless(hasNoTranscript || named, "engine_conversation_id", "is not 1 to 256 printable ASCII");
  faults.check();
}

const completed = (task: Task | undefined, fence: number): boolean => task?.settled === `${fence} complete`;

function notFound(id: string): Refusal {
  const metadata = shardOfTask(id) === undefined ? {} : { conversation_id: id };
  return new Refusal("CONVERSATION_NOT_FOUND", "no such conversation of this agent, or it was forgotten", { metadata });
}

const leaseLost = (): Refusal => new Refusal("LEASE_LOST", "this caller no longer holds the lease");
