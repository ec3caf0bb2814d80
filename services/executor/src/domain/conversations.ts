import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ConversationTurn, RunResult } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Answer, Lease, LeaseId, QueuePort } from "./queue.js";

/** Which copy: of one engine's conversation, as a lease with this fence left it. */
export interface CopyId {
  readonly engine: string;
  readonly engineId: string;
  readonly fence: bigint;
}

/** Copies of conversations on this host. Implemented by `../conversations/conversation-folder.ts`. What fails is logged, no more. */
export interface KeptCopies {
  /** The newest; undefined: there is none. */
  find(copy: Omit<CopyId, "fence">): Promise<Uint8Array | undefined>;
  /** Keeps one that does not count yet. False: it could not be kept. */
  put(copy: CopyId, bytes: Uint8Array): Promise<boolean>;
  /** It counts now. */
  confirm(copy: CopyId): Promise<void>;
  /** Nobody knows whether it counts: forgets all copies of the conversation, since one that is old would be taken for the newest. */
  forget(copy: CopyId): Promise<void>;
}

/** Repeats a call to the queue until it is answered. */
type Ask = <T = Answer>(call: (signal: AbortSignal) => Promise<T>) => Promise<T | "lost">;

/** What attempts ask about the conversations that their tasks are turns of. */
export interface Conversations {
  /** Undefined: the task is no turn of any. `gone`: nobody has what it would go on from. */
  begin(lease: Lease, ask: Ask): Promise<ConversationTurn | "gone" | undefined>;
  /** Before the result is told. Answers the engine's id of the conversation, or "" when nobody could go on from it. */
  keep(lease: Lease, result: RunResult, ask: Ask): Promise<string>;
  /** After it was told. `counted`: the queue has the result. */
  settle(lease: LeaseId, counted: boolean): Promise<void>;
}

export interface ConversationsDeps {
  readonly executorId: string;
  readonly queue: Pick<QueuePort, "saveConversation" | "loadConversation">;
  readonly kept: KeptCopies;
  readonly log: Logger;
}

/** What the queue keeps. */
const MOST_SAVED_BYTES = 8 * 1024 * 1024;
/** Of a transcript as the engine has it. */
const MOST_BYTES = 64 * 1024 * 1024;

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Conversations are kept twice, compressed: on this disk, for the next turn here, and at the queue, for one anywhere. */
export function createConversations({ executorId, queue, kept, log }: ConversationsDeps): Conversations {
  /** Put by leases that are being completed. */
  const unsettled = new Map<string, CopyId>();

  async function find(lease: Lease, ask: Ask): Promise<Uint8Array | undefined> {
    const held = lease.conversation?.held;
    if (held === undefined) return undefined;
    // Another executor's newest turn is not on this disk, whatever is there under its name.
    const here = held.executorId === executorId ? await findHere(lease, held.engineId) : undefined;
    if (here) return here;
    const bytes = await ask((signal) => queue.loadConversation(lease, signal));
    return typeof bytes === "string" ? undefined : await restored(lease, "queue", bytes);
  }

  async function findHere({ engine, taskId }: Lease, engineId: string): Promise<Uint8Array | undefined> {
    const bytes = await kept.find({ engine, engineId });
    try {
      return bytes && (await restored({ taskId }, "disk", bytes));
    } catch (err) {
      log.error({ err, task: taskId }, "copy of a conversation on disk is broken: the queue is asked for its own");
      return undefined;
    }
  }

  async function restored({ taskId }: Pick<Lease, "taskId">, from: "disk" | "queue", bytes: Uint8Array) {
    const transcript = await expand(bytes, { maxOutputLength: MOST_BYTES });
    log.info({ task: taskId, from, bytes: bytes.byteLength }, "conversation restored");
    return transcript;
  }

  return {
    async begin(lease, ask) {
      const { conversation } = lease;
      if (conversation === undefined) return undefined;
      const { id, fork, held } = conversation;
      if (id === "") return { from: undefined, fork: false };
      const transcript = await find(lease, ask).catch((err: unknown) => {
        log.error({ err, task: lease.taskId }, "conversation could not be restored");
        return undefined;
      });
      if (held === undefined || transcript === undefined) return "gone";
      return { from: { id: held.engineId, transcript }, fork };
    },

    async keep(lease, { transcript, conversationId: engineId }, ask) {
      if (lease.conversation === undefined || transcript === undefined || engineId === "") return "";
      const bytes = await compress(transcript);
      const copy = { engine: lease.engine, engineId, fence: lease.fence };
      unsettled.set(nameOf(lease), copy);
      const here = transcript.byteLength <= MOST_BYTES && (await kept.put(copy, bytes));
      const small = transcript.byteLength <= MOST_BYTES && bytes.byteLength <= MOST_SAVED_BYTES;
      const there = small ? await ask((signal) => queue.saveConversation(lease, bytes, signal)) : "refused";
      if (there === "refused") {
        log.warn(
          { task: lease.taskId, bytes: bytes.byteLength },
          "conversation is too large for the queue: only here can it be gone on with",
        );
      }
      return here || there === "ok" ? engineId : "";
    },

    async settle(lease, counted) {
      const copy = unsettled.get(nameOf(lease));
      unsettled.delete(nameOf(lease));
      if (copy) await (counted ? kept.confirm(copy) : kept.forget(copy));
    },
  };
}

const nameOf = ({ taskId, fence }: LeaseId): string => `${taskId}:${fence}`;
