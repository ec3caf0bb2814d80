import type { Handlers } from "@ccsp/grpc-kit";
import type { Limit } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type SetLimit, subjectOf } from "./limit.js";
import { readSetLimits, toLimitMessage, toRangeMessage } from "./limit-message.js";
import type { Limits } from "./limits.js";

type Methods = Pick<Handlers<QueueServiceService>, "setLimits" | "getLimits">;

/** The RPCs of QueueService for limits. */
export function limitHandlers(limits: Limits): Methods {
  const { settings, engines, ranges } = limits;
  // A limit that this release does not know stays stored and is not shown.
  const shown = (name: string, set: SetLimit | undefined): Limit[] => {
    const subject = subjectOf(name, engines);
    return subject ? [toLimitMessage(name, { subject, settings, set })] : [];
  };
  return {
    async setLimits(request) {
      const { changes, automatic } = readSetLimits(request, { engines, ranges, nowMs: limits.nowMs() });
      const set = await limits.change(changes, automatic);
      return { limits: [...changes.keys()].flatMap((name) => shown(name, set.get(name))) };
    },

    async getLimits() {
      const listed = await limits.list();
      return { limits: [...listed].flatMap(([name, set]) => shown(name, set)), range: toRangeMessage(ranges) };
    },
  };
}
