import type { Client } from "@ccsp/grpc-kit";
import type { Gate, GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { LimitChange } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { SlotChange } from "./adaptation.js";
import { LASTS_MS, type Levers, type LeverValue } from "./domain/levers.js";

type Queue = Pick<Client<QueueServiceService>, "getLimits" | "setLimits" | "getStatus" | "pauseQueue" | "resumeQueue">;

/** Who makes the changes, in the queue's records. */
const WHO = "ccsp-adaptation";
const MOST_CHANGES = 100;
const MAX_WHY_BYTES = 256;
/** A gate that is closed for at least this long is not renewed yet: each renewal is an event. */
const RENEW_BELOW_MS = 5 * 60_000;

/** The levers of the queue, by its RPCs. */
export function queueLevers(queue: Queue, now: () => number = Date.now): Levers {
  const tokensOf = async (): Promise<ReadonlyMap<string, { starts: number; tokens: number }>> => {
    const { limits } = await queue.getLimits({});
    return new Map(
      limits.flatMap(({ name, defaultValue }) => {
        const rate = defaultValue?.value;
        if (rate?.$case !== "rate") return [];
        return [[name, { starts: rate.value.startsPerMinute, tokens: rate.value.tokensPerMinute }] as const];
      }),
    );
  };

  return {
    async read() {
      const { limits, range } = await queue.getLimits({});
      const high = limits.find(({ name }) => name === "weight/class/high")?.defaultValue?.value;
      return {
        starts: {
          min: range?.minRate?.startsPerMinute ?? 0,
          max: range?.maxRate?.startsPerMinute || Number.POSITIVE_INFINITY,
        },
        weights: { min: range?.minWeight ?? 1, max: range?.maxWeight ?? 1 },
        highWeight: high?.$case === "weight" ? high.value : 1,
      };
    },

    async set(values, why) {
      const settings = await tokensOf();
      const changes = values.map((value) => toChange(value, settings));
      for (let at = 0; at < changes.length; at += MOST_CHANGES) {
        const some = changes.slice(at, at + MOST_CHANGES);
        await queue.setLimits({ changes: some, who: WHO, why: cut(why), automatic: true });
      }
    },

    async gates(closed, opened) {
      if (closed.size === 0 && opened.length === 0) return;
      const { gates } = await queue.getStatus({});
      for (const [subject, why] of closed) {
        const scope = scopeOf(subject);
        const gate = scope && gateAt(gates, scope);
        const isOurs = gate?.who === WHO;
        if (!scope || (gate && !isOurs)) continue;
        if (gate?.openTime && gate.openTime.getTime() - now() > RENEW_BELOW_MS) continue;
        await queue.pauseQueue({ scope, who: WHO, why: cut(why), until: undefined, openAfter: toDuration(LASTS_MS) });
      }
      for (const subject of opened) {
        const scope = scopeOf(subject);
        if (scope && gateAt(gates, scope)?.who === WHO) {
          await queue.resumeQueue({ scope, who: WHO, why: "the limit is not near any more" });
        }
      }
    },
  };
}

/** The rate of the settings stays a bound too. */
function toChange(
  { name, value }: LeverValue,
  settings: ReadonlyMap<string, { readonly starts: number; readonly tokens: number }>,
): LimitChange {
  const until = { endTime: undefined, endAfter: toDuration(LASTS_MS) };
  if (value === undefined) return { name, value: undefined, endTime: undefined, endAfter: undefined };
  if ("weight" in value) return { name, ...until, value: { value: { $case: "weight", value: value.weight } } };
  const { starts = 0, tokens = 0 } =
    settings.get(name) ?? settings.get(`${name.split("/").slice(0, 2).join("/")}/*`) ?? {};
  const startsPerMinute = starts > 0 ? Math.min(starts, value.rate) : value.rate;
  return { name, ...until, value: { value: { $case: "rate", value: { startsPerMinute, tokensPerMinute: tokens } } } };
}

const cut = (why: string): string => {
  const bytes = Buffer.from(why || "adaptation");
  return bytes.byteLength <= MAX_WHY_BYTES
    ? bytes.toString()
    : `${bytes
        .subarray(0, MAX_WHY_BYTES - 4)
        .toString()
        .replace(/\uFFFD$/, "")}…`;
};

function scopeOf(subject: string): GateScope | undefined {
  const [kind, name = "", ...rest] = subject.split("/");
  if (kind === "agent") return { scope: { $case: "agentId", value: name } };
  if (kind === "engine") return { scope: { $case: "engine", value: name } };
  if (kind === "account") return { scope: { $case: "account", value: { engine: name, account: rest.join("/") } } };
  return undefined;
}

/** The gate of a budget is beside the one that is asked for. */
const gateAt = (gates: readonly Gate[], { scope }: GateScope): Gate | undefined =>
  gates.find(
    ({ budgets, rampEndTime, scope: of }) =>
      budgets.length === 0 && rampEndTime === undefined && JSON.stringify(of?.scope) === JSON.stringify(scope),
  );

/** The slots that executors have changed by themselves. */
export const slotChangesIn = ({ executors }: GetStatusResponse): SlotChange[] =>
  executors.flatMap(({ executorId, slotChanges }) =>
    slotChanges.flatMap(({ engine, before, after, reason, time, dryRun }) => {
      if (time === undefined) return [];
      return [{ executor: executorId, engine, before, after, reason, timeMs: time.getTime(), dryRun }];
    }),
  );
