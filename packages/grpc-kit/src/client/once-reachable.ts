import { connectivityState, type Client as GrpcClient, status } from "@grpc/grpc-js";
import { CallError, markRepeated, neverSent, wasRepeated, whyNotConnected } from "../wire/call-error.js";
import { decodeDetails, NO_DETAILS } from "../wire/status-details.js";

/**
 * Sends the call. If no known instance can be reached, it waits for one and sends again, until the deadline. Without a
 * deadline it sends once.
 */
export async function onceReachable<T>(
  { client, target, method, signal }: ReachableCall,
  deadline: Date | undefined,
  send: () => Promise<T>,
): Promise<T> {
  let down: unknown;
  let repeated = false;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      repeated ||= wasRepeated(error);
      if (repeated) markRepeated(error);
      if (deadline === undefined) throw error;
      if (instancesAreDown(error)) {
        down = error;
        if (await instanceComes(client, { deadline, signal })) continue;
      } else if (down === undefined || !neverSent(error)) {
        throw error;
      }
      // The deadline has passed, perhaps in the middle of a new try to connect. The last fault is the cause then.
      const details = [NO_DETAILS, { cause: down, method: method.path, sent: false, repeated }] as const;
      if (signal?.aborted) throw new CallError(status.CANCELLED, `${method.path} was cancelled`, ...details);
      const why = `${target} could not be reached before the deadline of ${method.path}`;
      throw new CallError(status.UNAVAILABLE, `${why}: ${whyNotConnected(String(down))}`, ...details);
    }
  }
}

interface ReachableCall {
  readonly client: GrpcClient;
  readonly target: string;
  readonly method: { readonly path: string };
  readonly signal: AbortSignal | undefined;
}

/**
 * Whether a call failed because the client could not connect to any known instance. The instances may be restarting, so
 * it helps to wait. It is false if the target's name cannot be resolved or the target has no instance: then a wait
 * would only stop the caller from trying elsewhere.
 */
function instancesAreDown(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error && "details" in error && "metadata" in error)) return false;
  // Both load balancers of grpc-js 1.14.7 use this text, and no other part of grpc-js does.
  const down = error.code === status.UNAVAILABLE && String(error.details).includes("No connection established");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a ServiceError's
  return down && decodeDetails(error.metadata as Parameters<typeof decodeDetails>[0]).reason === undefined;
}

/** Resolves to true when a new try makes sense. Resolves to false at the deadline and when `signal` aborts. */
async function instanceComes(
  client: GrpcClient,
  { deadline, signal }: { readonly deadline: Date; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  const channel = client.getChannel();
  if (signal?.aborted) return false;
  if (channel.getConnectivityState(true) !== connectivityState.TRANSIENT_FAILURE)
    return deadline.getTime() > Date.now();
  return new Promise((resolve) => {
    const done = (comes: boolean): void => {
      signal?.removeEventListener("abort", cancelled);
      resolve(comes);
    };
    const cancelled = () => done(false);
    signal?.addEventListener("abort", cancelled, { once: true });
    // A closed client calls its watchers too. The call that follows then reports that the client is closed.
    channel.watchConnectivityState(connectivityState.TRANSIENT_FAILURE, deadline, (late) => done(late === undefined));
  });
}
