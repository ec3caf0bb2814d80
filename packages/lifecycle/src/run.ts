import type { Logger } from "pino";
import { OpenResources, type Resource } from "./resources.js";
import { type StopReason, StopRequest } from "./stop-request.js";

export type { Resource };

/**
 * Waits for `resource` and registers it to be closed at the stop. Rejects if `resource` rejects, or if the service has
 * to stop in the meantime.
 */
export type Open = <R extends Resource>(name: string, resource: Promise<R> | R) => Promise<R>;

export interface ServiceContext {
  readonly open: Open;
  readonly log: Logger;
  /** Aborts when the stop begins, before any resource is closed. */
  readonly stopping: AbortSignal;
}

export interface RunOptions {
  /** How long each resource may take to close, in ms. The default is 30 s. */
  readonly closeMs?: number | undefined;
  /** Stops the service as a signal does. */
  readonly stop?: AbortSignal | undefined;
  /** Set it to false if other code in the process handles SIGTERM and SIGINT. */
  readonly handleSignals?: boolean | undefined;
}

/**
 * Runs `start`, logs "ready", and waits for SIGTERM, SIGINT or `options.stop`. Then it closes everything that `start`
 * opened, newest first. It also handles a stop during the start: it closes what is open, and closes the rest when it
 * arrives.
 *
 * Resolves to the exit code. It is 1 if the start failed, or if a close failed or took too long (the other resources
 * are still closed). Otherwise it is 0. A second signal exits the process immediately.
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
