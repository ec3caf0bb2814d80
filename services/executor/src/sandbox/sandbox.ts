import type { RunAccess, RunFolder } from "@ccsp/engine-kit";

/** Confines the processes of runs, so that a run reaches only what it was given. */
export interface Sandbox {
  /** Opens a sandbox for one run. The run's process has not started. Rejects if it cannot be opened. */
  open(run: RunToConfine): Promise<OpenSandbox>;
}

export interface RunToConfine {
  /** Names the run in the log. */
  readonly run: string;
  readonly folder: RunFolder;
  /** The run works in a folder that is kept. Otherwise it works in a throwaway folder. */
  readonly keepsWork: boolean;
  /** Absolute path of the executable. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly access: RunAccess;
}

export interface OpenSandbox {
  /** The command's own line comes after these words. The first is the absolute path of a program. */
  readonly line: readonly string[];
  /** The environment of the run. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** How the runs of an executor are confined. */
export interface SandboxStatus {
  readonly confined: boolean;
  /** `hosts`, `none` or `full`. Empty if runs are not confined. */
  readonly network: string;
  /** Why runs are not confined. Empty if they are. */
  readonly reason: string;
}
