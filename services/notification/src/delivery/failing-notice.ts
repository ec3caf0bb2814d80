import { bareNotice, type Notice } from "../domain/notice.js";
import type { Missed } from "./channel-worker.js";

/** After this time, another notice that is given up is told of anew. */
const MATTER_MS = 24 * 3_600_000;

/**
 * Says that a channel has given a notice up, to the other channels, or that it delivers not all of it, such as to
 * some recipients, to all channels: the other recipients hear of it. Undefined for such a notice itself: channels that fail must not tell of
 * each other for ever.
 */
export function failingNotice(
  channel: string,
  { id, kind }: Notice,
  { part, why }: Missed,
  { channels, now }: { readonly channels: readonly string[]; readonly now: Date },
): Notice | undefined {
  if (kind === "channel.failing" || kind === "channel.partial") return undefined;
  const all = part === "all";
  return bareNotice({
    id: `${all ? "given-up" : "partial"}:${channel}:${id}`,
    kind: all ? "channel.failing" : "channel.partial",
    severity: "warning",
    time: now,
    subject: { channel },
    facts: { why, notice: id },
    dedupKey: `channel/${channel}${all ? "" : "/partial"}`,
    endTime: new Date(now.getTime() + MATTER_MS),
    channels: all ? channels.filter((name) => name !== channel) : channels,
  });
}
