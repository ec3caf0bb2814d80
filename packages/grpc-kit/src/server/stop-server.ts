import { setTimeout as sleep } from "node:timers/promises";
import { within } from "@ccsp/timing";
import type { Server } from "@grpc/grpc-js";
import type { Listener } from "./listener.js";
import { type Serving, SHUTTING_DOWN } from "./serve-call.js";
import type { StandardServices } from "./standard-services.js";

/** Time for the last answers to reach clients that still read. */
const FLUSH_MS = 250;

/** Stops the server as `GrpcServer.close` promises. */
export async function stopServer(running: {
  server: Server;
  listener: Listener;
  serving: Serving;
  standard: StandardServices;
  drainMs: number;
  lameDuckMs: number;
}): Promise<void> {
  const { server, listener, serving, standard, drainMs, lameDuckMs } = running;
  standard.setNotServing();
  await sleep(lameDuckMs);

  serving.stopping = true;
  for (const stream of serving.streams) stream.stop(SHUTTING_DOWN);
  standard.endStreams();
  const shutDown = new Promise<void>((resolve, reject) => server.tryShutdown((err) => (err ? reject(err) : resolve())));
  // tryShutdown does not wait for injected connections. The listener waits for them.
  const drained = Promise.all([shutDown, listener.close()]).then(() => true);
  const drainedWithin = (ms: number) => within(ms, drained, () => false);
  if (await drainedWithin(drainMs)) return;

  serving.log.warn({ drainMs, calls: serving.unary.size }, "calls that did not finish in time are ended");
  for (const call of serving.unary) call.stop(SHUTTING_DOWN);
  // This ends connections. Clients see CANCELLED and do not retry, so it is only for clients that do not read.
  if (!(await drainedWithin(FLUSH_MS))) {
    server.forceShutdown();
    listener.end();
  }
  await drained;
}
