import type { Delivery } from "@ccsp/events";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { RedisClient } from "@ccsp/redis-kit";
import type { Notice } from "../domain/notice.js";
import { placeOf } from "../domain/place.js";
import type { Intake } from "../routing/intake.js";
import { createLaterEnds } from "./later-ends.js";
import { noticeOfEvent } from "./notice-of-event.js";

export interface EventHandlerOptions {
  readonly intake: Pick<Intake, "accept">;
  readonly client: RedisClient;
  readonly now: () => Date;
}

/** An event that is older than this is late. It is the time after which the events of a dead replica are taken over. */
const LATE_MS = 30_000;

/**
 * Makes the handler of events. It stores the notice of each event in its order. Events of one incident may come in
 * another order than that in which they happened: two replicas share the stream, and an event that failed or whose
 * replica died comes again after those behind it. So before it reports a late beginning, it looks at the rest of the
 * stream for its end.
 */
export function createEventHandler({ intake, client, now }: EventHandlerOptions) {
  const laterEnds = createLaterEnds(client);
  return async (event: Event, { partition, id, deliveries }: Delivery): Promise<void> => {
    const notice = noticeOfEvent(event);
    if (notice === undefined) return;
    const late = deliveries > 1 || now().getTime() - Number(id.split("-")[0]) > LATE_MS;
    if (!late) laterEnds.forget(partition);
    const newestEnd = late && begins(notice) ? await laterEnds.newest(notice.dedupKey, { partition, id }) : undefined;
    await intake.accept(notice, { place: placeOf(id), newestEnd });
  };
}

const begins = ({ dedupKey, action }: Notice): boolean => dedupKey !== "" && action === "opens";
