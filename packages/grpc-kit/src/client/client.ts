import { type ChannelCredentials, type ChannelOptions, Client as GrpcClient, status } from "@grpc/grpc-js";
import { CallError } from "../wire/call-error.js";
import { beginCallSpan, noSpan } from "../wire/call-span.js";
import { PLAIN } from "../wire/credentials.js";
import {
  DEFAULT_MAX_MESSAGE_BYTES,
  type MethodShape,
  type RequestOf,
  type ResponseOf,
  type ServiceShape,
} from "../wire/service-shape.js";
import { type PlainMetadata, toMetadata } from "./call-metadata.js";
import { channelOptions } from "./channel-options.js";
import { callUnary, type Outgoing, readStream } from "./make-call.js";

/**
 * The options of one call. A `CallContext` has the same fields, so a handler can pass on its own deadline and
 * cancellation.
 */
export interface CallOptions {
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: Date | undefined;
  /** Milliseconds from now. If `deadline` is set too, the earlier one counts. */
  readonly timeoutMs?: number | undefined;
  readonly metadata?: PlainMetadata | undefined;
  /**
   * For a stream whose first message is the answer to the call. Until that message comes, the call behaves as a unary
   * call: it waits until it can reach an instance, and it has a deadline. After that, the stream has no deadline,
   * except one that the caller set.
   */
  readonly answersFirst?: boolean | undefined;
  /** Milliseconds for the first message of such a stream, instead of the client's `timeoutMs`. */
  readonly answerWithinMs?: number | undefined;
}

/** An omitted field has its default value. Messages inside the request must be complete. */
type Input<M extends MethodShape> = Partial<RequestOf<M>>;

type Method<M extends MethodShape> = M["responseStream"] extends true
  ? (request: Input<M>, options?: CallOptions) => AsyncIterable<ResponseOf<M>>
  : (request: Input<M>, options?: CallOptions) => Promise<ResponseOf<M>>;

/**
 * The methods of a generated service definition as async functions and async iterables. All of them throw `CallError`.
 */
export type Client<D extends ServiceShape> = { readonly [M in keyof D]: Method<D[M]> };

export interface ClientOptions<D extends ServiceShape = ServiceShape> {
  /** The deadline of a unary call that sets none itself, in ms. */
  readonly timeoutMs?: number | undefined;
  readonly maxMessageBytes?: number | undefined;
  /** No TLS if omitted. */
  readonly credentials?: ChannelCredentials | undefined;
  /** The server's certificate must be for this name, instead of for the target's host. */
  readonly serverName?: string | undefined;
  readonly channelOptions?: ChannelOptions | undefined;
  /** Calls of these methods make no span and carry no trace context. */
  readonly untraced?: readonly (keyof D)[] | undefined;
}

/** What a client offers apart from its methods. */
export interface Connection {
  /**
   * Resolves when the client is connected to an instance. Rejects after 1.5 s, with the known cause. It makes no call.
   */
  reachable(): Promise<void>;
  close(): void;
}

/** Shorter than a check of readiness may take (telemetry), so that the fault names the target. */
const REACHABLE_MS = 1_500;

/**
 * Creates a client of one service at a gRPC target (`host:port`, `dns:///…`, and the schemes that `@ccsp/discovery`
 * registers).
 *
 * The client spreads its calls over all instances. It tries a call up to four times on UNAVAILABLE.
 *
 * A unary call waits within its deadline (default 10 s) until it can reach a known instance, so the call survives a
 * restart of the target. If it reaches none in that time, it fails with UNAVAILABLE, and the error names the target. If
 * no instance is known, it fails immediately: the name cannot be resolved, or no instance has registered under it.
 *
 * A stream does not wait, except with `answersFirst`. It has no deadline, except one that the caller sets. It starts
 * when the consumer first reads it, and it reads no faster than the consumer. The call is cancelled when the consumer
 * leaves the loop.
 */
export function createClient<D extends ServiceShape>(
  definition: D,
  target: string,
  options: ClientOptions<D> = {},
): Client<D> & Connection {
  const { timeoutMs = 10_000, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, untraced = [] } = options;
  const client = new GrpcClient(target, options.credentials ?? PLAIN.channel, {
    ...channelOptions(maxMessageBytes),
    ...(options.serverName !== undefined && { "grpc.ssl_target_name_override": options.serverName }),
    ...options.channelOptions,
  });

  let closed = false;
  const methods: Record<string, unknown> = {
    reachable: () =>
      new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + REACHABLE_MS, (late) => {
          if (late) reject(new Error(`${target} could not be reached within ${REACHABLE_MS} ms`, { cause: late }));
          else resolve();
        });
      }),
    close() {
      closed = true;
      client.close();
    },
  };
  for (const [name, method] of Object.entries<MethodShape>(definition)) {
    const defaults = method.requestDeserialize(Buffer.alloc(0));
    const beginSpan = untraced.includes(name) ? noSpan : beginCallSpan(method.path, target);
    const prepare = (request: object, call: CallOptions = {}): Outgoing => {
      const unsent = (why: string) => new CallError(status.CANCELLED, why, undefined, { sent: false });
      if (closed) throw unsent(`the client of ${target} is closed`);
      if (call.signal?.aborted) throw unsent(`${method.path} was cancelled before it started`);
      const metadata = toMetadata(call.metadata);
      return {
        client,
        target,
        method,
        request: withDefaults(defaults, request),
        signal: call.signal,
        metadata,
        span: beginSpan(metadata),
        deadline: earliest(call, method.responseStream ? undefined : timeoutMs),
        ...(call.answersFirst && { answerWithinMs: call.answerWithinMs ?? timeoutMs }),
      };
    };
    methods[name] = method.responseStream
      ? (request: object, call?: CallOptions) => readStream(() => prepare(request, call))
      : (request: object, call?: CallOptions) => callUnary(() => prepare(request, call));
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made in a loop over D's own methods
  return methods as Client<D> & Connection;
}

function earliest(call: CallOptions, fallbackMs: number | undefined): Date | undefined {
  const timeoutMs = call.timeoutMs ?? (call.deadline ? undefined : fallbackMs);
  const own = timeoutMs === undefined ? undefined : new Date(Date.now() + timeoutMs);
  if (own && call.deadline) return own < call.deadline ? own : call.deadline;
  return own ?? call.deadline;
}

function withDefaults(defaults: object, request: object): object {
  const whole = { ...defaults };
  for (const [field, value] of Object.entries(request)) if (value !== undefined) Reflect.set(whole, field, value);
  return whole;
}
