import type { CcspClient } from "@ccsp/client";
import type { ServiceName } from "@ccsp/fleet";

/** The calls of the load, by the SDK of any release. */
export type LoadClient = Pick<CcspClient, "run" | "submit"> &
  Readonly<Record<"get" | "cancel", (taskId: string) => Promise<{ readonly id: string }>>>;

/** An installation whose services can be replaced while it is in use. */
export interface Installation {
  readonly client: LoadClient;
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
