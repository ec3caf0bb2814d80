import { type ChannelCredentials, type ChannelOptions, Client as GrpcClient, status } from "@grpc/grpc-js";
import { CallError } from "./call-error.js";
import { type PlainMetadata, toMetadata } from "./call-metadata.js";
import { beginCallSpan, noSpan } from "./call-span.js";
import { channelOptions } from "./channel-options.js";
import { PLAIN } from "./credentials.js";
import { callUnary, type Outgoing, readStream } from "./make-call.js";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./server.js";
import type { MethodShape, RequestOf, ResponseOf, ServiceShape } from "./service-shape.js";

/** A `CallContext` fits here, so that a handler passes its own deadline and cancellation on. */
export interface CallOptions {
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: Date | undefined;
  /** Milliseconds from now; together with `deadline` the earlier one counts. */
  readonly timeoutMs?: number | undefined;
  readonly metadata?: PlainMetadata | undefined;
  /**
   * Of a stream whose first message answers the call: until that came it is like a unary call, which waits until an instance can be
   * reached, and which has a deadline. The stream itself then has none, unless it is given one.
   */
  readonly answersFirst?: boolean | undefined;
}

/** Fields that are left out have their default value; messages inside the request are complete. */
type Input<M extends MethodShape> = Partial<RequestOf<M>>;

type Method<M extends MethodShape> = M["responseStream"] extends true
  ? (request: Input<M>, options?: CallOptions) => AsyncIterable<ResponseOf<M>>
  : (request: Input<M>, options?: CallOptions) => Promise<ResponseOf<M>>;

/** The methods of a generated service definition as async functions and async iterables. All throw `CallError`. */
export type Client<D extends ServiceShape> = { readonly [M in keyof D]: Method<D[M]> };

export interface ClientOptions<D extends ServiceShape = ServiceShape> {
  /** Deadline of a unary call that names none itself. */
  readonly timeoutMs?: number | undefined;
  readonly maxMessageBytes?: number | undefined;
  /** Plain if left out. */
  readonly credentials?: ChannelCredentials | undefined;
  /** The name that the server's certificate has to be for, in place of the target's host. */
  readonly serverName?: string | undefined;
  readonly channelOptions?: ChannelOptions | undefined;
  /** Methods whose calls make no span, and carry no trace context. */
  readonly untraced?: readonly (keyof D)[] | undefined;
}

/** What a client has besides its methods. */
export interface Connection {
  /** Resolves when an instance is connected to; rejects with what is known after 2 s. It makes no call. */
  reachable(): Promise<void>;
  close(): void;
}

const REACHABLE_MS = 2_000;

/**
 * A client of one service at a grpc target (`host:port`, `dns:///…`, and what `@ccsp/discovery` registers).
 *
 * Calls are spread over all instances and tried up to four times on UNAVAILABLE. A unary call waits within its deadline
 * (default 10 s) until an instance that is known can be reached, so it survives a restart of the target; it ends with UNAVAILABLE,
 * naming the target, when none came, and at once when none is known: the name cannot be resolved, or nobody has registered under it. A stream
 * does not wait, unless it `answersFirst`, and has no deadline unless it is given one; it starts when it
 * is first read, is read no faster than its consumer, and leaving the loop cancels the call.
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
      if (closed) throw new CallError(status.CANCELLED, `the client of ${target} is closed`);
      if (call.signal?.aborted) throw new CallError(status.CANCELLED, `${method.path} was cancelled before it started`);
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
        ...(call.answersFirst && { answerWithinMs: timeoutMs }),
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
