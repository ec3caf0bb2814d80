import { AsyncLocalStorage } from "node:async_hooks";
import { type Channel, DeliveryError } from "../domain/channel.js";
import { causeOf } from "../domain/retry-rules.js";

interface Call {
  readonly channel: string;
  /** Ends the call, if it is still in progress. */
  readonly fail: (error: DeliveryError) => void;
}

const calls = new AsyncLocalStorage<Call>();

/**
 * Runs code of a channel, which may be a plugin. What it leaves behind, such as a promise that nobody awaits, may fail
 * later and would end the process. `blame` finds the call by its async context: the call then rejects with the kind
 * `unavailable`, so it is tried again.
 */
export function contained<T>(channel: string, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // A plugin may throw before it returns a promise.
    void calls.run({ channel, fail: reject }, () => (async () => work())().then(resolve, reject));
  });
}

/**
 * The channel whose code has thrown an error that nobody caught, or undefined if it was not the code of a channel. It
 * fails the call in which that was. Has to be called in the async context of the error.
 */
export function blame(error: unknown): string | undefined {
  const call = calls.getStore();
  call?.fail(new DeliveryError("unavailable", `the channel's code failed outside of its calls: ${causeOf(error)}`));
  return call?.channel;
}

/** The channel with each of its calls contained. */
export function containedChannel(name: string, channel: Channel): Channel {
  const { issues } = channel;
  return {
    target: channel.target,
    deliver: (...given) => contained(name, async () => channel.deliver(...given)),
    ...(issues && { issues: { read: (...given) => contained(name, async () => issues.read(...given)) } }),
    close: () => contained(name, async () => channel.close?.()),
  };
}
