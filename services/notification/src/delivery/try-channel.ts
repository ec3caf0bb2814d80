import { within } from "@ccsp/timing";
import { DeliveryError, type Format } from "../domain/channel.js";
import { bareNotice } from "../domain/notice.js";
import { causeOf } from "../domain/retry-rules.js";
import type { OpenChannel } from "./channel-worker.js";

const TRY_MS = 15_000;

/** Sends a test message once. `cause` is empty when the channel has accepted it. */
export async function tryChannel(
  { name, channel, render }: OpenChannel,
  who: string,
  now: () => Date,
): Promise<{ cause: string; tookMs: number }> {
  const time = now();
  const id = `test:${name}:${time.getTime()}`;
  const notice = bareNotice({ id, kind: "channel.test", time, facts: { channel: name, who } });
  const message = { id, notice, repeats: 0, ref: undefined, attempt: 1, time };
  const over = new AbortController();
  const late = (): never => {
    throw new DeliveryError("unavailable", `the channel did not answer within ${TRY_MS / 1_000} s`);
  };
  const cause = await within(
    TRY_MS,
    // A plugin may throw before it returns a promise.
    (async () => channel.deliver({ ...message, render: (format: Format) => render(notice, 0, format) }, over.signal))(),
    late,
    { over },
  ).then(() => "", causeOf);
  return { cause, tookMs: now().getTime() - time.getTime() };
}
