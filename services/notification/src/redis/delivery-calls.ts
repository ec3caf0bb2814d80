import { randomUUID } from "node:crypto";
import { orUnavailable } from "@ccsp/redis-kit";
import type { Claim, NoticeStore } from "../domain/notice-store.js";
import { toJsonLine } from "../text/json-line.js";
import { KEYS, queueKeys } from "./keys.js";
import { KEEP_IDS_MS } from "./notice-calls.js";
import { type Shared, timeOf } from "./shared.js";
import { deliveryJson, lostAttempts, storedDelivery, storedIncident, storedNotice } from "./stored.js";

/** How long a channel that keeps failing is left alone. It doubles with each further failure. */
const BREAK = { firstMs: 5_000, longestMs: 300_000 };

export interface DeliveryCallsOptions {
  readonly kept: number;
  readonly breakAfter: number;
}

/** Takes deliveries from the queue of a channel, and stores how their attempts ended. */
export function deliveryCalls(
  shared: Shared,
  { kept, breakAfter }: DeliveryCallsOptions,
): Pick<NoticeStore, "claim" | "settle" | "retry"> {
  const { redis, scripts } = shared;
  const { notices, deliveries, incidents, delivered, waiting, left, sequence, states, done, dead, log } = KEYS;
  /** The stored form of each delivery that a worker of this process has. */
  const storedOf = new WeakMap<Claim, string>();
  return {
    claim: async (channel, { most, perMinute, leaseMs }) => {
      const token = randomUUID();
      const keys = { states, ...queueKeys(channel), notices, deliveries, incidents };
      const [next = "-1", ...rest] = await scripts.claimDeliveries(
        keys,
        timeOf(shared),
        channel,
        token,
        leaseMs,
        most,
        perMinute,
        breakAfter,
      );
      const taken = claimsIn(rest, channel, token);
      for (const { claim, stored } of taken) storedOf.set(claim, stored);
      return { claims: taken.map(({ claim }) => claim), nextMs: Number(next) < 0 ? undefined : Number(next) };
    },

    settle: (claim, settlement) => {
      const { outcome, delivery, retryMs, ref, pauseMs, channelIs, delivered: entry } = settlement;
      const [token = "", ...member] = claim.claim.split(" ");
      const keys = { states, ...queueKeys(claim.channel), notices, deliveries, incidents };
      const json = deliveryJson(storedOf.get(claim) ?? "{}", delivery, delivery.nextTime?.getTime() ?? 0);
      return scripts.settleDelivery(
        { ...keys, waiting, left, done, dead, log, delivered },
        timeOf(shared),
        claim.channel,
        member.join(" "),
        token,
        outcome,
        json,
        retryMs,
        ref ?? "",
        pauseMs,
        channelIs,
        claim.notice.kind,
        entry === undefined ? "" : toJsonLine(entry),
        kept,
        KEEP_IDS_MS,
        breakAfter,
        BREAK.firstMs,
        BREAK.longestMs,
      );
    },

    retry: (channel, id) =>
      orUnavailable(redis, () =>
        scripts.retryDelivery(
          { deliveries, dead, waiting, sequence, states, ...queueKeys(channel) },
          timeOf(shared),
          channel,
          id,
        ),
      ),
  };
}

/** Reads the answer of the script: member, notice, delivery and incident in turn. */
function claimsIn(reply: readonly string[], channel: string, token: string): { claim: Claim; stored: string }[] {
  const claims: { claim: Claim; stored: string }[] = [];
  for (let at = 0; at + 3 < reply.length; at += 4) {
    const [member = "", noticeText = "", stored = "", incident = ""] = reply.slice(at, at + 4);
    const { notice, repeats } = storedNotice(noticeText);
    const claim: Claim = {
      channel,
      notice,
      repeats,
      id: member.split(" ").slice(2).join(" "),
      ref: incident === "" ? undefined : storedIncident(incident).refs[channel],
      delivery: storedDelivery(channel, stored),
      lost: lostAttempts(stored),
      claim: `${token} ${member}`,
    };
    claims.push({ claim, stored });
  }
  return claims;
}
