/** Tells that something may have changed. Wake-ups can be lost and come for nothing; they carry no state. */
export interface Wakes {
  /** Hears from now on, so listen first and read then. */
  listen(topics: readonly string[]): Listener;
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

/** Covers a wake-up that was lost. */
export const TICK_MS = 5_000;

export const logTopic = (taskId: string): string => `log:${taskId}`;
export const engineTopic = (engine: string): string => `engine:${engine}`;
/** A gate lets more through. Engines are told too: this is for executors for which tasks wait that no other may have. */
export const GATES_TOPIC = "gates";
/** Something is due sooner than in a second. */
export const DUE_TOPIC = "due";
export const executorTopic = (executor: string): string => `executor:${executor}`;
