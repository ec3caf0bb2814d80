import { Refusal } from "@ccsp/errors";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import { type Access, accessOf } from "@ccsp/protos/access.js";
import type { Logger } from "pino";
import type { Admit } from "./admission.js";

/**
 * Health and reflection need no rule: what watches a server has no name. A server that wants certificates wants one for
 * them too.
 */
const OPEN_TO_ALL = /^\/grpc\.(health|reflection)\./;

/**
 * Returns the `admit` of a server that lets calls in by what each RPC declares in its proto. `check` returns the
 * caller's identity, or refuses by what the RPC asks for. Undefined: the caller cannot be identified. For example:
 *
 *     const admit = admitBy(async (caller, { scopes }) => authorise(scopes, await authenticate(caller)), log);
 *
 * A served RPC that declares nothing is refused to every caller with INTERNAL, and logged: its rule was forgotten. Only
 * health and reflection are let in without a rule.
 */
export function admitBy(
  check: (caller: CallerCredentials, access: Access, path: string) => Promise<Identity | undefined>,
  log: Logger,
  rule: (path: string) => Access | undefined = accessOf,
): Admit {
  return async (method, caller) => {
    const access = rule(method);
    if (access) return check(caller, access, method);
    if (OPEN_TO_ALL.test(method)) return undefined;
    log.error({ method }, "a method has no rule that says who may call it: every caller is refused");
    throw new Refusal("INTERNAL", `${method} has no rule that says who may call it`);
  };
}
