import { Refusal } from "@ccsp/errors";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { Logger } from "pino";
import type { ServiceShape } from "../wire/service-shape.js";
import type { Admit } from "./admission.js";

/** Health and reflection need no proof: what watches a server has none. */
const OPEN_TO_ALL = /^\/grpc\.(health|reflection)\./;

/**
 * Returns the `admit` of a server that lets calls in by a table: one row for each RPC of the service. `check` returns
 * the caller's identity, or refuses by what the row asks for. For example:
 *
 *     const check = async (caller, { scopes }) => authorise(scopes, await authenticate(caller));
 *     const admit = admitBy(QueueServiceService, { sync: { scopes: [] }, ... }, check, log);
 *
 * A served RPC without a row is refused to every caller with INTERNAL, and logged: its rule was forgotten. Only health
 * and reflection are let in without a row.
 */
export function admitBy<D extends ServiceShape, Row>(
  definition: D,
  table: { readonly [Rpc in keyof D]: Row },
  check: (caller: CallerCredentials, row: Row, rpc: keyof D) => Promise<Identity>,
  log: Logger,
): Admit {
  const rules = new Map<string, { readonly rpc: keyof D; readonly row: Row }>();
  for (const rpc in table) {
    const path = definition[rpc]?.path;
    if (path !== undefined) rules.set(path, { rpc, row: table[rpc] });
  }
  return async (method, caller) => {
    const rule = rules.get(method);
    if (rule) return check(caller, rule.row, rule.rpc);
    if (OPEN_TO_ALL.test(method)) return undefined;
    log.error({ method }, "a method has no rule that says who may call it: every caller is refused");
    throw new Refusal("INTERNAL", `${method} has no rule that says who may call it`);
  };
}
