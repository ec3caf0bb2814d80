/**
 * A thread of turns, as the queue knows it. Its id is the id of the task that began it. So a task that runs twice
 * begins one conversation. The queue does not read what is in a transcript.
 */
export interface Conversation extends Owner {
  /** The newest turn that has a result. Absent: no such turn is known. */
  readonly head?: Turn;
  /** A turn that an executor was about to complete. It counts when its task's record says that it was completed. */
  readonly next?: Turn;
}

/** The agent that may continue a conversation, and the engine that it must use. */
export interface Owner {
  readonly agent: string;
  readonly engine: string;
}

/** A run of a task that is part of a conversation. */
export interface Turn {
  readonly task: string;
  readonly fence: number;
  /** The engine's own id of the conversation. Empty: no task can continue from this turn. */
  readonly engineId: string;
  /** The executor that has the transcript on its disk. */
  readonly executor: string;
  /** Why only that executor has the transcript. Absent: the queue has it too. */
  readonly fault?: string;
}

/** The storage that conversations need. */
export interface ConversationStore {
  find(id: string): Promise<Conversation | undefined>;
  /**
   * Records a turn that is about to be completed. `later`: a turn with a greater fence is recorded already, so nothing
   * changed.
   */
  announce(id: string, owner: Owner, turn: Turn): Promise<"ok" | "later">;
  /** Makes a turn the head. `later`: the head has a greater fence, so nothing changed. */
  advance(id: string, owner: Owner, head: Turn): Promise<"ok" | "later">;
  /** Stores the transcript of a task whose lease has this fence. `lost`: the task has no such lease. */
  keepTranscript(task: string, fence: number, bytes: Uint8Array): Promise<"ok" | "lost">;
  /** The transcript in which this task's turn is the last. */
  findTranscript(task: string): Promise<Buffer | undefined>;
  dropTranscript(task: string): Promise<void>;
}
