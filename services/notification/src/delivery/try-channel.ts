import { within } from "@ccsp/timing";
import { DeliveryError, type Format } from "../domain/channel.js";
import { bareNotice, type Notice } from "../domain/notice.js";
import { causeOf } from "../domain/retry-rules.js";
import type { OpenChannel } from "./channel-worker.js";

const TRY_MS = 15_000;

/**
 * Sends a test message once, and closes the issue of it, if the channel has issues. `cause` is empty when the channel has
 * accepted it.
 */
export async function tryChannel(
  { name, channel, render }: OpenChannel,
  who: string,
  now: () => Date,
): Promise<{ cause: string; tookMs: number }> {
  const time = now();
  const over = new AbortController();
  const send = async (id: string, given: Partial<Notice>, ref?: string): Promise<string | undefined> => {
    const notice = bareNotice({ id, kind: "channel.test", time, facts: { channel: name, who }, ...given });
    const text = (format: Format, longest?: number) => render(notice, 0, format, longest);
    const message = { id, notice, repeats: 0, ref, attempt: 1, time, render: text };
    return (await channel.deliver(message, over.signal))?.ref;
  };
  const test = async (): Promise<void> => {
    const id = `test:${name}:${time.getTime()}`;
    const ref = await send(id, {});
    if (channel.issues && ref !== undefined)
      await send(`${id}:end`, { action: "resolves", issueState: "closed", dedupKey: id }, ref);
  };
  const late = (): never => {
    throw new DeliveryError("unavailable", `the channel did not answer within ${TRY_MS / 1_000} s`);
  };
  const cause = await within(TRY_MS, test(), late, { over }).then(() => "", causeOf);
  return { cause, tookMs: now().getTime() - time.getTime() };
}
