/**
 * A thread of turns, as the queue knows it. Its id is that of the task that began it, so a task that is run twice begins one
 * conversation. Nothing here knows what is in a transcript.
 */
export interface Conversation extends Owner {
  /** The newest turn that brought a result. Absent: none is known. */
  readonly head?: Turn;
  /** A turn that was being completed; it counts when its task says that it was. */
  readonly next?: Turn;
}

/** Who may go on with a conversation, and by what. */
export interface Owner {
  readonly agent: string;
  readonly engine: string;
}

/** A task's run that is part of a conversation. */
export interface Turn {
  readonly task: string;
  readonly fence: number;
  /** The engine's own id of the conversation; empty: nobody can go on from it. */
  readonly engineId: string;
  /** Has the transcript on its disk. */
  readonly executor: string;
  /** Why nobody else has it; absent: the queue does. */
  readonly fault?: string;
}

/** What conversations need of their storage. */
export interface ConversationStore {
  find(id: string): Promise<Conversation | undefined>;
  /** Writes down a turn that is about to be completed. `later`: one with a greater fence is, so nothing changed. */
  announce(id: string, owner: Owner, turn: Turn): Promise<"ok" | "later">;
  /** Makes a turn the head. `later`: one with a greater fence is, so nothing changed. */
  advance(id: string, owner: Owner, head: Turn): Promise<"ok" | "later">;
  /** Of a task whose lease has this fence. */
  keepTranscript(task: string, fence: number, bytes: Uint8Array): Promise<"ok" | "lost">;
  /** The transcript whose last turn is this task's. */
  findTranscript(task: string): Promise<Buffer | undefined>;
  dropTranscript(task: string): Promise<void>;
}
