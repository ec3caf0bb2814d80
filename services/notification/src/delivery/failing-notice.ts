import { bareNotice, type Notice } from "../domain/notice.js";

/** After this time, another notice that is given up is told of anew. */
const MATTER_MS = 24 * 3_600_000;

/**
 * Says that a channel has given a notice up, to the other channels. Undefined for such a notice itself: channels that
 * fail must not tell of each other for ever.
 */
export function failingNotice(
  channel: string,
  { id, kind }: Notice,
  cause: string,
  { channels, now }: { readonly channels: readonly string[]; readonly now: Date },
): Notice | undefined {
  if (kind === "channel.failing") return undefined;
  return bareNotice({
    id: `given-up:${channel}:${id}`,
    kind: "channel.failing",
    severity: "warning",
    time: now,
    subject: { channel },
    facts: { why: cause, notice: id },
    dedupKey: `channel/${channel}`,
    endTime: new Date(now.getTime() + MATTER_MS),
    channels: channels.filter((name) => name !== channel),
  });
}
