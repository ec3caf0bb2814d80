import type { RunExit, RunHandle } from "./run-handle.js";

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

/** A process tree with its folders and clocks. `stop` and `kill` resolve with `exited`. */
export interface SupervisedRun extends RunHandle {
  /**
   * What it writes to stdout until a limit has passed or `stop` or `kill` is called: what comes after that does not count. Read no faster than it
   * is taken. To be read to its end, once.
   */
  readonly output: AsyncIterable<Buffer>;
  /** Resolves when every process of the run is gone, and its folder too if it can be removed. */
  readonly exited: Promise<RunExit>;
  /** What was read meant something new, text or the use of a tool. Who never calls it is taken to go nowhere. */
  progress(): void;
  /**
   * Closes the process's stdin, and ends the run when that has not ended it within `ms`; undefined: only its limits end it. The last call
   * counts.
   */
  endInput(ms: number | undefined): void;
}
