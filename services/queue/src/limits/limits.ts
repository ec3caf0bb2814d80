import { invalidFields } from "@ccsp/errors";
import type { Order } from "../domain/order/order.js";
import { inForce, type LimitRanges, MOST_LIMITS, namesIn, type SetLimit, type SetLimits } from "./limit.js";
import type { LimitChanges, SetLimitStore } from "./limit-store.js";
import type { LiveOrder } from "./live-order.js";

export type Limits = ReturnType<typeof createLimits>;

export interface LimitsDeps {
  readonly store: SetLimitStore;
  /** The order of the settings, for all shards together. */
  readonly settings: Order;
  readonly engines: readonly string[];
  readonly ranges: LimitRanges;
  readonly live: Pick<LiveOrder, "refresh">;
  /** Redis' time, in ms since 1970. */
  readonly clock: { now(): number };
}

/** Limits that are set while the queue runs. */
export function createLimits({ store, settings, engines, ranges, live, clock }: LimitsDeps) {
  const current = async (): Promise<SetLimits> => inForce(await store.read(), clock.now());
  return {
    settings,
    engines,
    ranges,
    nowMs: () => clock.now(),

    /** Makes all changes. This replica follows at once, the others within seconds. Throws INVALID_FIELD. */
    async change(changes: LimitChanges, automatic: boolean): Promise<SetLimits> {
      if ((await store.change(changes, automatic)) === "full") {
        const description = `more than ${MOST_LIMITS} limits would be set: reset some (ccsp limits list shows them)`;
        throw invalidFields([{ field: "changes", description }]);
      }
      await live.refresh();
      return current();
    },

    /** The limits that have a setting or were set, by name. Undefined: the setting is in force. */
    async list(): Promise<ReadonlyMap<string, SetLimit | undefined>> {
      const set = await current();
      const names = [...new Set([...namesIn(settings), ...set.keys()])].toSorted();
      return new Map(names.map((name) => [name, set.get(name)]));
    },
  };
}
