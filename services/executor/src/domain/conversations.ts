import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ConversationTurn, RunResult } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Answer, HeldTurn, Lease, QueuePort } from "./queue.js";

/** Identifies a copy of one engine's conversation, as the lease with this fence left it. */
export interface CopyId {
  readonly engine: string;
  readonly engineId: string;
  readonly fence: bigint;
}

/**
 * Copies of conversations on this host. Implemented by `../conversations/conversation-folder.ts`. A failure is only
 * logged.
 */
export interface KeptCopies {
  /**
   * Undefined: there is no copy of this turn. Fence 0 finds the conversation's newest copy, whether its turn counts or
   * not.
   */
  find(copy: CopyId): Promise<Uint8Array | undefined>;
  /** Stores one copy, which is complete when this resolves. False: it could not be stored. */
  put(copy: CopyId, bytes: Uint8Array): Promise<boolean>;
  /** The queue counts this turn. No task continues from older turns any more, so their copies are removed. */
  counted(copy: CopyId): Promise<void>;
}

/**
 * Repeats a call to the queue until the queue answers. Resolves to `lost` if the attempt gives up first, and to `broken`
 * if the queue can only answer with a fault.
 */
export type Ask = <T = Answer>(call: (signal: AbortSignal) => Promise<T>) => Promise<T | "lost" | "broken">;

/** Why no run can continue a conversation. `again`: another attempt may. */
export interface Gone {
  readonly gone: string;
  readonly again?: true;
}

/** What attempts need if their task is a turn of a conversation. */
export interface Conversations {
  /** Undefined: the task belongs to no conversation. `gone`: why this executor cannot continue the conversation. */
  begin(lease: Lease, ask: Ask): Promise<ConversationTurn | Gone | undefined>;
  /** Stores the turn's transcript. To be called before the result is reported. */
  keep(lease: Lease, result: RunResult, ask: Ask): Promise<KeptTurn>;
}

/** A turn whose transcript was stored, or why it was not. Its result is not reported yet. */
export interface KeptTurn {
  /** The engine's id of the conversation. Empty: no task can continue from this turn. */
  readonly conversationId: string;
  /** Why the queue does not have the transcript. Empty: the queue has it, or the task belongs to no conversation. */
  readonly transcriptFault: string;
  /** To be called when the queue has the result. */
  readonly counted: () => Promise<void>;
}

export interface ConversationsDeps {
  readonly executorId: string;
  readonly queue: Pick<QueuePort, "saveConversation" | "loadConversation">;
  readonly kept: KeptCopies;
  readonly log: Logger;
}

/** The queue accepts no more, in compressed bytes. */
const MOST_SAVED_BYTES = 8 * 1024 * 1024;
/** Limit of a transcript in the engine's form, not compressed. */
const MOST_BYTES = 64 * 1024 * 1024;

const compress = promisify(gzip);
const expand = promisify(gunzip);

/**
 * Stores each conversation twice, compressed: on this disk for the next turn here, and at the queue for the next turn
 * on any executor.
 */
export const createConversations = (deps: ConversationsDeps): Conversations => new TwiceKept(deps);

class TwiceKept implements Conversations {
  readonly #deps: ConversationsDeps;

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
  }

  async begin(lease: Lease, ask: Ask): Promise<ConversationTurn | Gone | undefined> {
    const { conversation } = lease;
    if (conversation === undefined) return undefined;
    const { id, fork, held } = conversation;
    if (id === "") return { from: undefined, fork: false };
    if (held === undefined) return { gone: "it was forgotten" };
    const transcript = await this.#find(lease, held, ask).catch((err: unknown) => {
      this.#deps.log.error({ err, task: lease.taskId }, "conversation could not be restored");
      return undefined;
    });
    if (transcript === "broken") return { gone: "the queue could not read its transcript", again: true };
    return transcript ? { from: { id: held.engineId, transcript }, fork } : { gone: this.#whyGone(held) };
  }

  async keep(lease: Lease, { transcript, conversationId: engineId }: RunResult, ask: Ask): Promise<KeptTurn> {
    const { kept, log } = this.#deps;
    if (lease.conversation === undefined) return { ...lost(""), counted: async () => {} };
    const copy = { engine: lease.engine, engineId, fence: lease.fence };
    const left = transcript !== undefined && engineId !== "";
    const turn = left ? await this.#save(lease, copy, transcript, ask) : lost(NO_TRANSCRIPT);
    if (turn.transcriptFault !== "") {
      const about = { task: lease.taskId, fault: turn.transcriptFault, here: turn.conversationId !== "" };
      log.warn(about, "turn of a conversation could not be saved at the queue");
    }
    return { ...turn, counted: () => kept.counted(copy) };
  }

  async #find(lease: Lease, held: HeldTurn, ask: Ask): Promise<Uint8Array | "broken" | undefined> {
    const { executorId, queue } = this.#deps;
    const here = held.fence === 0n ? undefined : await this.#findHere(lease, held);
    if (here) return here;
    const bytes = await ask((signal) => queue.loadConversation(lease, signal));
    if (typeof bytes !== "string") return await this.#restored(lease, "queue", bytes);
    if (bytes === "broken") return bytes;
    // A queue of the previous release does not say which turn it means (fence 0). Only this executor's own turns are on
    // this disk.
    return held.fence === 0n && held.executorId === executorId ? await this.#findHere(lease, held) : undefined;
  }

  async #findHere({ engine, taskId }: Lease, { engineId, fence }: HeldTurn): Promise<Uint8Array | undefined> {
    const { kept, log } = this.#deps;
    const bytes = await kept.find({ engine, engineId, fence });
    try {
      return bytes && (await this.#restored({ taskId }, "disk", bytes));
    } catch (err) {
      log.error({ err, task: taskId }, "copy of a conversation on disk is damaged; the queue is asked for its copy");
      return undefined;
    }
  }

  async #restored({ taskId }: Pick<Lease, "taskId">, from: "disk" | "queue", bytes: Uint8Array): Promise<Uint8Array> {
    const transcript = await expand(bytes, { maxOutputLength: MOST_BYTES });
    this.#deps.log.info({ task: taskId, from, bytes: bytes.byteLength }, "conversation restored");
    return transcript;
  }

  #whyGone({ executorId: there, engineId, fault }: HeldTurn): string {
    if (fault === "") return "it was forgotten, or its transcript no longer exists";
    if (engineId === "") return `no executor can continue from its newest turn: ${fault}`;
    const where =
      there === this.#deps.executorId
        ? "and its transcript is no longer on this disk"
        : `only ${there} may have its transcript`;
    return `this executor cannot continue from its newest turn: ${fault}; ${where}`;
  }

  /** Stores the run's transcript on this disk and at the queue. */
  async #save(lease: Lease, copy: CopyId, transcript: Uint8Array, ask: Ask): Promise<Omit<KeptTurn, "counted">> {
    const { kept, queue } = this.#deps;
    if (transcript.byteLength > MOST_BYTES) {
      return lost(`its transcript has ${transcript.byteLength} bytes, and at most ${MOST_BYTES} are kept`);
    }
    const bytes = await compress(transcript);
    const here = await kept.put(copy, bytes);
    const small = bytes.byteLength <= MOST_SAVED_BYTES;
    const there = small ? await ask((signal) => queue.saveConversation(lease, bytes, signal)) : "refused";
    if (there === "ok") return { conversationId: copy.engineId, transcriptFault: "" };
    // `lost` does not say that the result is lost too: the queue takes a result longer than a transcript.
    const why =
      there === "refused"
        ? `its transcript has ${bytes.byteLength} bytes compressed, and the queue keeps at most ${MOST_SAVED_BYTES}`
        : "the queue could not store its transcript";
    return here ? { conversationId: copy.engineId, transcriptFault: why } : lost(why);
  }
}

const NO_TRANSCRIPT = "its engine left no transcript";

const lost = (transcriptFault: string) => ({ conversationId: "", transcriptFault });
