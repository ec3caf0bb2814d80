import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { OpenFolder, RunAccess, RunFolder } from "@ccsp/engine-kit";
import type { Target } from "./allowed-hosts.js";

/** Confines the processes of runs, so that a run reaches only what it was given. */
export interface Sandbox {
  /** Why no run may work in a folder of the host. Undefined: runs may. */
  readonly noWorkingFolders: string | undefined;
  /** Why no run can have a stand-in for a host. Undefined: runs can. */
  readonly noStandIns: string | undefined;
  /** Opens a sandbox for one run. The run's process has not started. Rejects if it cannot be opened. */
  open(run: RunToConfine): Promise<OpenSandbox>;
}

export interface RunToConfine {
  /** Names the run in the log. */
  readonly run: string;
  readonly folder: RunFolder;
  /**
   * The folder that the run works in and that is kept. It must stay open until the process has started. Undefined: the
   * run works in a throwaway folder.
   */
  readonly workingFolder: OpenFolder | undefined;
  /**
   * The allowed root that has the working folder. Undefined: the run sees nothing around its working folder.
   */
  readonly workingRoot?: string | undefined;
  /** Absolute path of the executable. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly access: RunAccess;
  /** The run reaches it in any network but `full`. The sandbox closes it. */
  readonly standIn?: StandIn | undefined;
}

/** Answers a run in place of a host. */
export interface StandIn {
  readonly host: Target;
  /** Takes a connection that the run opened to the host. */
  connect(connection: Duplex): void;
  /** Takes a request that the run sent to its proxy, with the whole URL of the host. */
  answer(request: IncomingMessage, response: ServerResponse): void;
  /** Ends everything that it took. */
  close(): Promise<unknown>;
}

export interface OpenSandbox {
  /** The command's own line comes after these words. The first is the absolute path of a program. */
  readonly line: readonly string[];
  /** The first program gets these descriptors as 3, 4 and so on, and passes none of them to the run. */
  readonly descriptors: readonly number[];
  /** The environment of the run. */
  readonly env: Readonly<Record<string, string>>;
  /** To be called when the first program has started: closes the descriptors that are the sandbox's own. */
  started(): Promise<void>;
  /** Closes everything. */
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
