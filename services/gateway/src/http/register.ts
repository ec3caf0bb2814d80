import type { FastifyInstance } from "fastify";
import { registerLive } from "../live/register.js";
import { registerRest } from "../rest/rest.js";
import type { HttpDeps } from "./deps.js";

/** Every slice that the HTTP server serves, in the order in which they are registered. */
const SLICES: readonly ((app: FastifyInstance, deps: HttpDeps) => void | Promise<void>)[] = [
  registerRest,
  registerLive,
];

/** Registers each slice as a plugin of its own, so that hooks of one do not reach the others. */
export async function registerHttp(app: FastifyInstance, deps: HttpDeps): Promise<void> {
  for (const slice of SLICES) await app.register(async (own) => slice(own, deps));
}
