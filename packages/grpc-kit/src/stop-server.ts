import { setTimeout as sleep } from "node:timers/promises";
import { within } from "@ccsp/timing";
import type { Server } from "@grpc/grpc-js";
import type { Listener } from "./listener.js";
import { type Serving, SHUTTING_DOWN } from "./serve-call.js";
import type { StandardServices } from "./standard-services.js";

/** For the last answers to reach clients that read. */
const FLUSH_MS = 250;

/** What `GrpcServer.close` promises. */
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
  // tryShutdown does not wait for connections that were injected; the listener does.
  const drained = Promise.all([shutDown, listener.close()]).then(() => true);
  const drainedWithin = (ms: number) => within(ms, drained, () => false);
  if (await drainedWithin(drainMs)) return;

  serving.log.warn({ drainMs, calls: serving.unary.size }, "calls that did not finish in time are ended");
  for (const call of serving.unary) call.stop(SHUTTING_DOWN);
  // Ends connections, which clients see as CANCELLED and do not retry: it is only for who does not read.
  if (!(await drainedWithin(FLUSH_MS))) {
    server.forceShutdown();
    listener.end();
  }
  await drained;
}
