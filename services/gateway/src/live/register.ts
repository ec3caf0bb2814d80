import websocket from "@fastify/websocket";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { credentialsOf } from "../http/credentials.js";
import { HttpFault } from "../http/problem.js";
import type { Live } from "./live.js";

export const WEB_SOCKET_PATH = "/ws";
/** The largest message of a client: a token, with room for its frame. */
const MAX_MESSAGE_BYTES = 16 * 1024;

/** Serves the WebSocket. */
export async function registerLive(
  app: FastifyInstance,
  { live, log }: { readonly live: Live; readonly log: Logger },
): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: MAX_MESSAGE_BYTES },
    // A client that breaks the protocol or vanishes is not a fault of this process.
    errorHandler: (err, socket) => {
      log.debug({ err }, "a WebSocket failed");
      socket.terminate();
    },
    preClose: () => live.close(),
  });
  app.route({
    method: "GET",
    url: WEB_SOCKET_PATH,
    // It would be a span of hours.
    config: { untraced: true },
    async onRequest(request, reply) {
      // Refuses the page of another site before anything is opened.
      credentialsOf(request);
      // The WebSocket writes this answer itself. The measure of requests reads it here.
      if (request.ws) reply.raw.statusCode = 101;
    },
    handler: () => {
      throw new HttpFault(426, "this path is a WebSocket: docs/websocket.md", { upgrade: "websocket" });
    },
    wsHandler(socket, request) {
      live.connect({ socket, carrier: request.socket, credentials: credentialsOf(request) });
    },
  });
}
