import type { Logger } from "pino";
import { OpenResources, type Resource } from "./resources.js";
import { type StopReason, StopRequest } from "./stop-request.js";

export type { Resource };

/** Waits for `resource`, and remembers to close it. Rejects when `resource` does, and when the service was told to stop meanwhile. */
export type Open = <R extends Resource>(name: string, resource: Promise<R> | R) => Promise<R>;

export interface ServiceContext {
  readonly open: Open;
  readonly log: Logger;
  /** Aborts when the stop begins, before anything is closed. */
  readonly stopping: AbortSignal;
}

export interface RunOptions {
  /** How long each resource may take to close. 30 s when left out. */
  readonly closeMs?: number | undefined;
  /** Stops the service as a signal would. */
  readonly stop?: AbortSignal | undefined;
  /** False when something else in the process listens for SIGTERM and SIGINT. */
  readonly handleSignals?: boolean | undefined;
}

/**
 * Runs `start`, logs "ready", waits for SIGTERM, SIGINT or `options.stop`, then closes what `start` opened, newest first.
 * A stop during the start is not lost: what was opened is closed, and what is still opening is closed as it arrives.
 * Resolves to the exit code: 1 when the start failed, or a close failed or took too long (the others are closed all the
 * same), else 0. A second signal exits the process at once.
 */
export async function runService(
  log: Logger,
  start: (context: ServiceContext) => Promise<void>,
  { closeMs = 30_000, stop, handleSignals = true }: RunOptions = {},
): Promise<0 | 1> {
  const request = new StopRequest(log, { stop, handleSignals });
  const resources = new OpenResources(log, closeMs);
  let failed = false;
  try {
    const open: Open = (name, resource) => request.orStop(resources.add(name, resource));
    await request.orStop(start({ open, log, stopping: request.signal }));
    log.info("ready");
    log.info(reasonFields(await request.requested), "stopping");
  } catch (error) {
    if (request.signal.aborted) {
      log.info(reasonFields(await request.requested), "stopping before the start was done");
    } else {
      log.fatal({ err: error }, "start failed");
      failed = true;
    }
  }
  request.begin();
  const closed = await resources.closeAll();
  request.release();
  return failed || !closed ? 1 : 0;
}

function reasonFields(reason: StopReason): { signal?: NodeJS.Signals } {
  return reason === "asked" ? {} : { signal: reason };
}
