import type { RunResources } from "./engine.js";

/** Runs processes for engines. Implemented by the executor; an engine starts nothing by itself. */
export interface Supervisor {
  /**
   * Starts a process in a session, folders and environment of its own. Rejects when it cannot be started; its folders are gone then.
   */
  start(options: RunOptions): Promise<SupervisedRun>;
}

export interface RunOptions {
  /** Names the run: `<task id>:<fence>`. */
  readonly run: string;
  /** Absolute path of the executable. */
  readonly command: string;
  /** Writes the files that the run needs, and says what depends on their place. Everybody on the host can read `args`. */
  readonly prepare: (folder: RunFolder) => Promise<Prepared>;
  /** What it reads from stdin, which stays open until `endInput`; unless `prepare` says otherwise. */
  readonly input: string;
  readonly wallMs: number;
  /** W3C context for its environment; may be empty. */
  readonly traceparent: string;
  /** Absolute path of a folder to work in, which stays; undefined: a throwaway one. */
  readonly workingFolder?: string | undefined;
  /**
   * For a run whose process is started as for every other run with this key: in a throwaway folder, with nothing of the run but `input`. It
   * may get one that was started by such a run's `prepare` and waited for its input, under another name and without `traceparent`.
   * `prepare` is kept and called again, and has to hold nothing of the run. Undefined: it gets a process of its own.
   */
  readonly warmKey?: string | undefined;
  /** Reads what is to outlive the run's folder: every process is gone by then. What it throws is logged, no more. */
  readonly collect?: ((folder: RunFolder) => Promise<void>) | undefined;
}

export interface Prepared {
  readonly args: readonly string[];
  /** On top of PATH, HOME, TMPDIR, LANG and TRACEPARENT, and in place of them. Nothing else is in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** In place of the options' own, where it depends on the place of files. */
  readonly input?: string | undefined;
}

/** The throwaway folders of one run; only their owner may enter. `work` and `home` are in `path`. */
export interface RunFolder {
  readonly path: string;
  /** Where the engine works; it lasts when it is the `workingFolder` of the run's options. */
  readonly work: string;
  /** Its HOME. */
  readonly home: string;
  /** Its TMPDIR: a path of at most 80 bytes where that can be had, since a socket in it has at most 103. */
  readonly tmp: string;
}

/** A process tree with its folders and clocks. */
export interface SupervisedRun {
  /** Also the id of the process group. */
  readonly pid: number;
  /**
   * What it writes to stdout until a limit has passed or `stop` or `kill` is called: what comes after that does not count. Read no faster than it
   * is taken. To be read to its end, once.
   */
  readonly output: AsyncIterable<Buffer>;
  /** Resolves when every process of the run is gone, and its folder too if it can be removed. */
  readonly exited: Promise<RunExit>;
  /** Ends the run: asks, waits, kills. Resolves with `exited`. Idempotent. */
  readonly stop: () => Promise<void>;
  /** Kills it at once, also while a `stop` waits. Resolves with `exited`. Idempotent. */
  readonly kill: () => Promise<void>;
  /** What was read meant something new, text or the use of a tool. Who never calls it is taken to go nowhere. */
  progress(): void;
  /** What its processes took so far, as the last look at them found. */
  readonly resources: RunResources;
  /** How many it had then. */
  readonly processes: number;
  /**
   * Closes the process's stdin, and ends the run when that has not ended it within `ms`; undefined: only its limits end it. The last call
   * counts.
   */
  endInput(ms: number | undefined): void;
}

export interface RunExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The beginning of what it wrote to stderr. */
  readonly stderr: string;
  /** The limit for which it was ended. */
  readonly overrun: Overrun | undefined;
  readonly cause?: ExitCause | undefined;
  /** From the start of the process, or from when one that waited got its input. */
  readonly runMs: number;
  readonly resources?: RunResources | undefined;
  /** Its process was there before it. */
  readonly waited?: boolean | undefined;
}

/** What is told of every run: in the log, in spans, in metrics. */
export type RunFacts = Pick<RunExit, "cause" | "code" | "signal" | "runMs" | "resources" | "waited">;

/** In one word: it exited by itself, by a signal from elsewhere, because it was asked to, or for a limit. */
export type ExitCause = "exited" | "signal" | "stopped" | Overrun;

/**
 * Why a run was ended from outside: its time was up, it said nothing for too long, it talked and did nothing new for too long, it
 * used too much memory, it had too many processes.
 */
export type Overrun = "wall" | "silence" | "stall" | "memory" | "processes";
