import type { CcspClient } from "@ccsp/client";
import type { ServiceName } from "@ccsp/fleet";

/** The calls of the load, by the SDK of any release. */
export type LoadClient = Pick<CcspClient, "run" | "submit"> &
  Readonly<Record<"get" | "cancel", (taskId: string) => Promise<{ readonly id: string }>>>;

/** REST and the WebSocket of an installation. */
export interface HttpAccess {
  /** The URL of each gateway, and the one that says whether it is ready. */
  readonly gateways: readonly { readonly url: string; readonly ready: string }[];
  /** A token of an operator who may submit tasks. */
  readonly token: () => Promise<string>;
  /** The task and the id of each event of a task so far, in the order of each task, from where the gateways read them. */
  readonly published?: () => Promise<readonly string[]>;
}

/** An installation whose services can be replaced while it is in use. */
export interface Installation {
  readonly client: LoadClient;
  /** Undefined: the load calls by the SDK alone. */
  readonly http?: HttpAccess | undefined;
  /** Whether the load may run tasks. In a cluster they cost what a run costs. */
  readonly runsTasks: boolean;
  /**
   * Restarts each replica of a service, one after the other. Resolves when all are ready. Rejects if one is not ready
   * in time.
   */
  restart(service: ServiceName): Promise<void>;
  /** The same, with another release. */
  upgrade(service: ServiceName, release: string): Promise<void>;
  /** Brings back the release from before `upgrade`, also when `upgrade` rejected. Resolves when all are ready. */
  rollBack(service: ServiceName): Promise<void>;
  close(): Promise<void>;
}
