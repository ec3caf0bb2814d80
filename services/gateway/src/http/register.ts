import type { FastifyInstance } from "fastify";
import type { HttpDeps } from "./deps.js";

/** Registers the routes of one folder. */
export type Slice = (app: FastifyInstance, deps: HttpDeps) => void | Promise<void>;

/** Registers each slice as a plugin of its own, so that hooks of one do not reach the others. */
export async function registerHttp(app: FastifyInstance, slices: readonly Slice[], deps: HttpDeps): Promise<void> {
  for (const slice of slices) await app.register(async (own) => slice(own, deps));
}
