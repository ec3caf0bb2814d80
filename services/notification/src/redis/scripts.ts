import { asList, bindScript, oneOf, type RedisClient } from "@ccsp/redis-kit";

/** The scripts over the keys of `keys.ts`. */
export function bindNoticeScripts(redis: RedisClient) {
  const file = (name: string) => new URL(`../../lua/${name}.lua`, import.meta.url);
  const number = (reply: unknown): number => Number(reply);
  const { notices, deliveries, incidents } = {
    notices: "notices",
    deliveries: "deliveries",
    incidents: "incidents",
  } as const;
  return {
    acceptNotice: bindScript(
      redis,
      file("accept_notice"),
      [
        notices,
        deliveries,
        incidents,
        "digests",
        "ended",
        "accepted",
        "delivered",
        "waiting",
        "left",
        "sequence",
        "...queues",
      ],
      oneOf("ok", "repeat", "counted", "late"),
    ),
    tellRepeats: bindScript(
      redis,
      file("tell_repeats"),
      [notices, deliveries, incidents, "digests", "waiting", "left", "sequence", "...queues"],
      number,
    ),
    claimDeliveries: bindScript(
      redis,
      file("claim_deliveries"),
      ["states", "due", "order", "claimed", notices, deliveries, incidents],
      (reply) => asList(reply).map(String),
    ),
    settleDelivery: bindScript(
      redis,
      file("settle_delivery"),
      [
        ...(["states", "due", "order", "claimed", notices, deliveries, incidents, "waiting", "left", "done"] as const),
        ...(["dead", "log", "delivered"] as const),
      ],
      oneOf("ok", "repeat", "lost"),
    ),
    retryDelivery: bindScript(
      redis,
      file("retry_delivery"),
      [deliveries, "dead", "waiting", "sequence", "due", "order", "claimed", "states"],
      oneOf("ok", "missing", "delivered"),
    ),
  };
}

export type NoticeScripts = ReturnType<typeof bindNoticeScripts>;
