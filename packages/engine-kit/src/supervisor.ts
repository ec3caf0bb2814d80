import type { Provider } from "./provider.js";
import type { RunExit, RunHandle } from "./run-handle.js";

/** Runs processes for engines. The executor implements it; an engine starts no process by itself. */
export interface Supervisor {
  /**
   * Starts a process with its own session, folders and environment. Rejects when it cannot be started; then its folders
   * are gone.
   */
  start(options: RunOptions): Promise<SupervisedRun>;
}

export interface RunOptions {
  /** Identifies the run: `<task id>:<fence>`. */
  readonly run: string;
  /** Whose run it is. */
  readonly agentId?: string | undefined;
  /** Absolute path of the executable. */
  readonly command: string;
  /**
   * Writes the files that the run needs, and returns what depends on their place. Every user of the host can read
   * `args`. `brokers`: the executor has a broker, so an engine that can returns its `provider`, and writes the
   * placeholders of its login everywhere.
   */
  readonly prepare: (folder: RunFolder, brokers: boolean) => Promise<Prepared>;
  /** What the process reads from stdin, unless `prepare` returns another input. Stdin stays open until `endInput`. */
  readonly input: string;
  readonly wallMs: number;
  /** The broker's bound of what the run's requests may cost. Undefined: none. */
  readonly budgetUsd?: number | undefined;
  /** W3C trace context for its environment. May be empty. */
  readonly traceparent: string;
  /** Absolute path of a folder to work in, which is kept. Undefined: a throwaway folder. */
  readonly workingFolder?: string | undefined;
  /** The allowed root that has the working folder: an absolute path without links. */
  readonly workingRoot?: string | undefined;
  /**
   * For a run whose process starts in the same way for every run with this key: in a throwaway folder, with nothing of
   * the run except `input`. Such a run may get a process that was started by the `prepare` of an earlier run with the
   * key, and waited for its input. The earlier run is of the same agent, unless the operator lets agents share
   * processes. The process has another name and no `traceparent`. `prepare` is kept and called again, so it must hold
   * nothing of the run. Undefined: the run gets a process of its own.
   */
  readonly warmKey?: string | undefined;
  /**
   * Reads what must outlive the run's folder. At that time every process is gone. An error that it throws is only
   * logged.
   */
  readonly collect?: ((folder: RunFolder) => Promise<void>) | undefined;
}

export interface Prepared {
  readonly args: readonly string[];
  /** Added to PATH, HOME, TMPDIR, LANG and TRACEPARENT, or in place of them. The environment has nothing else. */
  readonly env: Readonly<Record<string, string>>;
  /** Replaces the `input` of the options, when it depends on the place of files. */
  readonly input?: string | undefined;
  /** Undefined: the run needs nothing but its own folders. */
  readonly access?: RunAccess | undefined;
  /** Undefined: the run holds its login itself, or has none. */
  readonly provider?: Provider | undefined;
}

/**
 * What a run needs of the host besides its own folders and the executable. If the executor runs engines in a sandbox, a
 * run gets only this and what the operator adds. Paths are absolute. Files that do not exist are ignored.
 */
export interface RunAccess {
  /** Files and folders to read. */
  readonly reads?: readonly string[] | undefined;
  /** Files to read and write. */
  readonly writes?: readonly string[] | undefined;
  /** Folders to read and write, such as those that `collect` reads. They are kept, and made if they do not exist. */
  readonly keeps?: readonly string[] | undefined;
  /** Folders in which the run sees only what the other lists name. It may write there, in memory: nothing is kept. */
  readonly empties?: readonly string[] | undefined;
  /** Kept folders that the run sees at another path. */
  readonly keepsAt?: readonly { readonly path: string; readonly source: string }[] | undefined;
  /** Files of the run's own folder that the run reads at another path. */
  readonly readsAt?: readonly { readonly path: string; readonly source: string }[] | undefined;
  /** Hosts to connect to: `name:port`. */
  readonly hosts?: readonly string[] | undefined;
}

/**
 * The throwaway folders of one run. Only their owner may enter them. `work` and `home` are in `path`, which has no links
 * in it. A run can write them, so `run-files.ts` is how to use them. In a sandbox, the
 * process sees what `prepare` wrote here, and may change nothing of it. What the process writes is gone with it, except
 * in the folders that `access` keeps.
 */
export interface RunFolder {
  readonly path: string;
  /** Where the engine works. It is kept when it is the `workingFolder` of the run's options. */
  readonly work: string;
  /** The HOME of the process. */
  readonly home: string;
  /**
   * The TMPDIR of the process: a path of at most 80 bytes where that is possible, because the path of a socket in it
   * has at most 103.
   */
  readonly tmp: string;
}

/** A process tree with its folders and clocks. `stop` and `kill` resolve when `exited` does. */
export interface SupervisedRun extends RunHandle {
  /**
   * What the process writes to stdout until a limit has passed or `stop` or `kill` is called. Output after that does
   * not count. Nothing is read ahead of the caller, who must read it to its end, once.
   */
  readonly output: AsyncIterable<Buffer>;
  /** Resolves when every process of the run is gone, and its folder too if it can be removed. */
  readonly exited: Promise<RunExit>;
  /**
   * The caller calls this when the output meant something new: text, or the use of a tool. Without such calls the run
   * counts as stalled.
   */
  progress(): void;
  /**
   * Closes the process's stdin. Ends the run when it has not ended by itself within `ms`; undefined: only the run's
   * limits end it. The last call counts.
   */
  endInput(ms: number | undefined): void;
}
