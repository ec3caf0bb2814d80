import { CallError, type Client, type Connection } from "@ccsp/grpc-kit";
import { identityName } from "@ccsp/protos/access.js";
import { Identity } from "@ccsp/protos/ccsp/access/v1/access.js";
import type { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { IssueState, type NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { Gate, GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { Logger } from "pino";
import type { Answer, GateView, Session } from "./domain/session.js";
import { type Offer, type SessionPorts, STOPPED } from "./keeper.js";
import { dedupKey, toNotify, toUpdate } from "./notices.js";

type ExecutorClient = Client<ExecutorServiceService>;

export interface Services {
  readonly queue: Pick<Client<QueueServiceService>, "getStatus" | "pauseQueue" | "resumeQueue">;
  readonly notification: Pick<Client<NotificationServiceService>, "notify" | "updateIssue" | "watchIssue">;
  readonly connect: (address: string) => ExecutorClient & Connection;
  readonly log: Logger;
}

/** The name with which the queue shows the pauses of the monitor. */
const WHO = identityName(Identity.SESSION_WATCH);
/** The queue closes the gate of an account without a time when a run was refused. */
const QUEUE = identityName(Identity.QUEUE);
/** As long as the queue's own ramp after a usage window: what has waited must not start in one second. */
const RAMP_MS = 60_000;
const CALL_MS = 10_000;
/** A probe may wait a minute for its start and run for another one. */
const PROBE_MS = 125_000;

/** What the sessions need, over gRPC. */
export function createPorts({ queue, notification, connect, log }: Services): SessionPorts {
  return {
    async look(signal) {
      const status = await queue.getStatus({}, { signal, timeoutMs: CALL_MS });
      return {
        offers: offersOf(status),
        stopped: (status.emergency?.level ?? 0) >= EmergencyLevel.NO_START,
        gate: (session) =>
          viewOf(
            // The gate of a budget is beside this one.
            status.gates.find(({ scope, budgets }) => budgets.length === 0 && isOf(scope, session)),
            Date.now(),
          ),
      };
    },

    async probe(offer, signal) {
      const client = connect(offer.address);
      try {
        return await probe(client, offer, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CallError && error.reason === "SUBMIT_STOPPED")
          return { kind: "unmade", message: STOPPED };
        const why = error instanceof Error ? error.message : String(error);
        return { kind: "unmade", message: `executor ${offer.executorId}: ${why}` };
      } finally {
        client.close();
      }
    },

    async pause(session, outage, signal) {
      const why = `the login is refused (outage ${outage.id}): renew it, then ccsp session confirm`;
      await queue.pauseQueue({ scope: scopeOf(session), who: WHO, why }, { signal, timeoutMs: CALL_MS });
    },

    async resume(session, outage, signal) {
      const why = `the login works again (outage ${outage.id})`;
      const ramp = toDuration(RAMP_MS);
      await queue.resumeQueue({ scope: scopeOf(session), who: WHO, why, ramp }, { signal, timeoutMs: CALL_MS });
    },

    async send(session, mail, signal) {
      const options = { signal, timeoutMs: CALL_MS };
      try {
        if (mail.kind === "lost") await notification.notify(toNotify(session, mail), options);
        else await notification.updateIssue(toUpdate(session, mail), options);
      } catch (error) {
        if (!(error instanceof CallError) || !isFinal(error)) throw error;
        log.error({ err: error, mail: mail.id }, "the notification service refuses a notice, so nobody gets it");
      }
    },

    async *watch(outageId, signal) {
      const key = dedupKey(outageId);
      for await (const { state, url, who, changeTime } of notification.watchIssue({ dedupKey: key }, { signal })) {
        yield { state: wordOf(STATES, state) ?? "none", url, who, changeMs: changeTime?.getTime() ?? 0 };
      }
    },
  };
}

const STATES = wordsOf(IssueState);

/** Status codes of gRPC. */
const [INVALID_ARGUMENT, NOT_FOUND] = [3, 5];

/** A repeat would be refused in the same way. */
const isFinal = ({ code }: { readonly code: number }): boolean => code === INVALID_ARGUMENT || code === NOT_FOUND;

async function probe(client: ExecutorClient, offer: Offer, signal: AbortSignal): Promise<Answer> {
  const { engine, account, executorId } = offer;
  // The queue may know an executor that is gone, and another one may serve at its address.
  const status = await client.getExecutorStatus({}, { signal, timeoutMs: CALL_MS });
  const has = status.engines.some((each) => each.engine === engine && each.account === account);
  if (status.executorId !== executorId || !has) {
    return { kind: "unmade", message: `executor ${executorId} no longer serves this account at ${offer.address}` };
  }
  const { ok, error } = await client.probe({ engine }, { signal, timeoutMs: PROBE_MS });
  if (ok) return { kind: "works" };
  const { category = ErrorCategory.UNKNOWN_ERROR, message = "" } = error ?? {};
  if (REFUSED.has(category)) return { kind: "refused", message, executorId };
  if (category === ErrorCategory.CANCELLED) return { kind: "unmade", message };
  return { kind: "unclear", message: `${ErrorCategory[category] ?? "UNKNOWN_ERROR"}: ${message}` };
}

/** ACCESS_DENIED is a 403. A provider that refuses even the shortest request refuses the login. */
const REFUSED: ReadonlySet<ErrorCategory> = new Set([ErrorCategory.SESSION_TIMEOUT, ErrorCategory.ACCESS_DENIED]);

/** Executors that drain come last. One without an address is of an earlier release. */
const offersOf = ({ executors }: GetStatusResponse): readonly Offer[] =>
  executors
    .filter(({ address }) => address !== "")
    .toSorted((a, b) => Number(a.draining) - Number(b.draining) || (a.executorId < b.executorId ? -1 : 1))
    .flatMap(({ executorId, address, engines }) =>
      engines.map(({ engine, account }) => ({ engine, account, executorId, address })),
    );

function viewOf(gate: Gate | undefined, nowMs: number): GateView {
  const open = gate === undefined || gate.rampEndTime !== undefined || (gate.openTime?.getTime() ?? Infinity) <= nowMs;
  if (open) return { kind: "open" };
  const opens = gate.openTime !== undefined;
  if (gate.who === WHO && !opens) return { kind: "ours" };
  return gate.who === QUEUE && !opens ? { kind: "refused", why: gate.why } : { kind: "other", opens };
}

const isOf = (scope: GateScope | undefined, { engine, account }: Session): boolean =>
  scope?.scope?.$case === "account" && scope.scope.value.engine === engine && scope.scope.value.account === account;

const scopeOf = ({ engine, account }: Session): GateScope => ({
  scope: { $case: "account", value: { engine, account } },
});
