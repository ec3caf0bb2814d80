import type { Io } from "../process/io.js";
import { consulOf } from "./named-stores.js";

/**
 * Makes this process understand the target when it has a scheme of CCSP (`consul:`, `static:`). Only then it loads the
 * client of Consul.
 */
export async function openSchemes({ env }: Io, target: string): Promise<{ close(): Promise<void> }> {
  if (!/^(consul|static):/.test(target)) return { close: async () => {} };
  const [{ registerSchemes }, { pino }] = await Promise.all([import("@ccsp/discovery"), import("pino")]);
  return registerSchemes({ consul: consulOf(env), log: pino({ level: "silent" }) });
}
