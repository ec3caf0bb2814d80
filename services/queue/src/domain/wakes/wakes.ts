/** Wake-ups: something may have changed. They carry no state. A wake-up can be lost, or come without a change. */
export interface Wakes {
  /** The listener gets wake-ups from now on. So a caller listens first and reads after that. */
  listen(topics: readonly string[]): Listener;
  /** Wakes the listeners of the topic of every process. */
  tell(topic: string): void;
}

export interface Listener {
  /**
   * Resolves with the topics that came since the last call. Resolves empty after `timeoutMs` and when `signal` aborts.
   */
  next(timeoutMs: number, signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** Wakes this listener only, as if a wake-up of the topic had come. */
  remind(topic: string): void;
  close(): void;
}

/** How often a sleeper checks by itself, because a wake-up may be lost. */
export const TICK_MS = 5_000;

export const logTopic = (taskId: string): string => `log:${taskId}`;
export const engineTopic = (engine: string): string => `engine:${engine}`;
/**
 * A gate lets more tasks through. The topics of the engines get a wake-up too; this topic is for executors for which
 * tasks wait that no other executor may take.
 */
export const GATES_TOPIC = "gates";
/** Something is due in less than a second. */
export const DUE_TOPIC = "due";
export const executorTopic = (executor: string): string => `executor:${executor}`;
