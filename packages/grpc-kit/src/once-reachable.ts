import { connectivityState, type Client as GrpcClient, status } from "@grpc/grpc-js";
import { CallError, whyNotConnected } from "./call-error.js";
import { decodeDetails, NO_DETAILS } from "./status-details.js";

/** Sends again when an instance can be reached, as long as none of those that are known can; without a deadline it is sent once. */
export async function onceReachable<T>(
  { client, target, method, signal }: ReachableCall,
  deadline: Date | undefined,
  send: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (deadline === undefined || !instancesAreDown(error)) throw error;
      if (await instanceComes(client, { deadline, signal })) continue;
      const details = [NO_DETAILS, { cause: error }] as const;
      if (signal?.aborted) throw new CallError(status.CANCELLED, `${method.path} was cancelled`, ...details);
      const why = `${target} could not be reached before the deadline of ${method.path}`;
      throw new CallError(status.UNAVAILABLE, `${why}: ${whyNotConnected(String(error))}`, ...details);
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
 * Whether a call failed since no instance that is known could be connected to: they may be restarting, so that waiting helps. A target whose name
 * cannot be resolved, or that has no instance, is another matter: waiting would keep the caller from going elsewhere.
 */
function instancesAreDown(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error && "details" in error && "metadata" in error)) return false;
  // Both balancers of grpc-js 1.14.7 say so, and nothing else of it does.
  const down = error.code === status.UNAVAILABLE && String(error.details).includes("No connection established");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a ServiceError's
  return down && decodeDetails(error.metadata as Parameters<typeof decodeDetails>[0]).reason === undefined;
}

/** Resolves to true when it is worth to call again, to false at the deadline and when `signal` aborts. */
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
    // A closed client has its watchers called too; the call that follows then says so.
    channel.watchConnectivityState(connectivityState.TRANSIENT_FAILURE, deadline, (late) => done(late === undefined));
  });
}
