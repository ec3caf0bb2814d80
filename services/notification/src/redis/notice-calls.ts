import { orUnavailable } from "@ccsp/redis-kit";
import type { NoticeStore } from "../domain/notice-store.js";
import { KEYS, queueKeys } from "./keys.js";
import { type Shared, timeOf } from "./shared.js";
import { noticeJson } from "./stored.js";

/**
 * An event is normally delivered again within minutes. But a consumer group that was made again reads everything that
 * the stream still holds.
 */
export const KEEP_IDS_MS = 24 * 3_600_000;
export interface NoticeCallsOptions {
  readonly kept: number;
  readonly digestMs: number;
}

/** Puts notices and their repeats into the queues of channels. */
export function noticeCalls(
  shared: Shared,
  { kept, digestMs }: NoticeCallsOptions,
): Pick<NoticeStore, "accept" | "tellRepeats"> {
  const { redis, scripts, channels } = shared;
  const queues = channels.map(queueKeys).flatMap(({ due, order, claimed }) => [due, order, claimed]);
  const { notices, deliveries, incidents, digests, ended, accepted, delivered, waiting, left, sequence } = KEYS;
  return {
    accept: (notice, routes, { place = "", newestEnd = "" } = {}) => {
      const routed = new Map(routes.map((route) => [route.channel, route]));
      const perChannel = channels.flatMap((name) => {
        const { mode, notBefore } = routed.get(name) ?? { mode: "-", notBefore: undefined };
        return [name, mode, notBefore?.getTime() ?? 0];
      });
      return orUnavailable(redis, () =>
        scripts.acceptNotice(
          { notices, deliveries, incidents, digests, ended, accepted, delivered, waiting, left, sequence, queues },
          timeOf(shared),
          notice.id,
          noticeJson(notice),
          notice.dedupKey,
          notice.action,
          notice.endTime?.getTime() ?? "",
          notice.severity === "critical" ? "1" : "",
          notice.openIssue ? "1" : "",
          digestMs,
          KEEP_IDS_MS,
          kept,
          place,
          newestEnd,
          ...perChannel,
        ),
      );
    },

    tellRepeats: () =>
      scripts.tellRepeats(
        { notices, deliveries, incidents, digests, waiting, left, sequence, queues },
        timeOf(shared),
        ...channels,
      ),
  };
}
