import { type Delivery, isBefore, readEvents } from "@ccsp/events";
import type { RedisClient } from "@ccsp/redis-kit";
import { placeOf } from "../domain/place.js";
import { noticeOfEvent } from "./notice-of-event.js";

type Position = Pick<Delivery, "partition" | "id">;

/** The part of a partition that was read: after `from`, up to `to`. */
interface Seen {
  readonly from: string;
  to: string;
  /** The place of the newest end of each incident, by its key. */
  readonly ends: Map<string, string>;
}

const BATCH = 500;

/** Looks for ends of incidents on the stream. It reads each entry once for many beginnings, as after a long outage. */
export function createLaterEnds(client: RedisClient) {
  const seen = new Map<number, Seen>();
  return {
    /** The place of the newest end of an incident after a position. Undefined: the stream has none. */
    async newest(key: string, { partition, id }: Position): Promise<string | undefined> {
      const known = seen.get(partition);
      const part = known && !isBefore(id, known.from) ? known : { from: id, to: id, ends: new Map<string, string>() };
      seen.set(partition, part);
      for (let more = true; more; ) {
        const entries = await readEvents(client, partition, { after: part.to, count: BATCH });
        for (const { id: at, event } of entries) {
          const notice = event && noticeOfEvent(event);
          if (notice?.action === "resolves") part.ends.set(notice.dedupKey, placeOf(at));
          part.to = at;
        }
        more = entries.length === BATCH;
      }
      const end = part.ends.get(key);
      return end !== undefined && end > placeOf(id) ? end : undefined;
    },

    /** Frees what was read of a partition: its events come in time again. */
    forget: (partition: number): void => void seen.delete(partition),
  };
}
