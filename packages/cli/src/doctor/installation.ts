import type { Capabilities } from "@ccsp/client";
import { hasScope, type Scope } from "@ccsp/identity";
import type { ListExecutorsResponse } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { GetGlobalMetricsResponse } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { ListSessionsResponse } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { rolesWith } from "../auth/roles.js";
import { asAgent, withGateway } from "../connection/connection.js";
import { asOperator } from "../connection/operator.js";
import { messageOf } from "../process/exit.js";
import type { Site } from "./site.js";

/** A part of what the gateway says, or why it does not say it. `failed`: it was asked for it. */
export type Told<T> = { readonly value: T } | { readonly why: string; readonly failed?: true };

/** What the gateway says of the installation. */
export interface Installation {
  readonly capabilities: Told<Capabilities>;
  readonly fleet: Told<GetGlobalMetricsResponse>;
  readonly executors: Told<ListExecutorsResponse>;
  readonly sessions: Told<ListSessionsResponse>;
}

/** Asks the gateway for everything that the checks need, as far as the token allows it. Never rejects. */
export async function askInstallation({ io, options, gateway }: Site): Promise<Installation> {
  if (gateway === undefined) return nothing("no fleet runs here, and no gateway is named");
  try {
    return await withGateway(io, options, async (reached) => {
      const capabilities = await asAgent(reached, (client) => client.capabilities());
      return asOperator(reached, async (operator) => {
        const part = <T>(scope: Scope, ask: () => Promise<T>): Promise<Told<T>> =>
          hasScope(capabilities.scopes, scope)
            ? told(ask())
            : Promise.resolve({ why: `the token needs the scope ${scope} (role ${rolesWith(scope).join(" or ")})` });
        const [fleet, executors, sessions] = await Promise.all([
          part("monitor:read", () => operator.getGlobalMetrics({})),
          part("monitor:read", () => operator.listExecutors({})),
          part("monitor:read", () => operator.listSessions({})),
        ]);
        return { capabilities: { value: capabilities }, fleet, executors, sessions };
      });
    });
  } catch (error) {
    return nothing(messageOf(error));
  }
}

const told = <T>(answer: Promise<T>): Promise<Told<T>> =>
  answer.then(
    (value) => ({ value }),
    (error: unknown) => ({ why: messageOf(error), failed: true }),
  );

const nothing = (why: string): Installation => ({
  capabilities: { why },
  fleet: { why },
  executors: { why },
  sessions: { why },
});
