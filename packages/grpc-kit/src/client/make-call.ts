import { connectivityState, type Client as GrpcClient, type Metadata, status } from "@grpc/grpc-js";
import type { Span } from "@opentelemetry/api";
import { CallError, toCallError } from "../wire/call-error.js";
import { endCallSpan } from "../wire/call-span.js";
import type { MethodShape } from "../wire/service-shape.js";
import { NO_DETAILS } from "../wire/status-details.js";
import { onceReachable } from "./once-reachable.js";
import { createReadOnDemand } from "./read-on-demand.js";

export interface Outgoing {
  readonly client: GrpcClient;
  readonly target: string;
  readonly method: MethodShape;
  readonly request: object;
  readonly signal: AbortSignal | undefined;
  readonly metadata: Metadata;
  readonly span: Span | undefined;
  readonly deadline: Date | undefined;
  /** Set for a stream with `answersFirst`. If the call has a deadline, the deadline counts instead. */
  readonly answerWithinMs?: number;
}

export async function callUnary(prepare: () => Outgoing): Promise<unknown> {
  const outgoing = prepare();
  try {
    const response = await onceReachable(outgoing, outgoing.deadline, () => sendUnary(outgoing));
    endCallSpan(outgoing.span, status.OK);
    return response;
  } catch (error) {
    const failure = failed(outgoing, error);
    endCallSpan(outgoing.span, failure.code, failure.message);
    throw failure;
  }
}

function sendUnary(outgoing: Outgoing): Promise<unknown> {
  const { client, method, signal, metadata } = outgoing;
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      serialize(method),
      method.responseDeserialize,
      outgoing.request,
      metadata,
      grpcOptions(outgoing),
      (err, response) => {
        signal?.removeEventListener("abort", cancel);
        if (err) reject(err);
        else resolve(response);
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

/** The error of an instance that cannot be reached has the cause. It comes at the limit, so the limit's own is later. */
const MOMENT_MS = 20;

export async function* readStream(prepare: () => Outgoing): AsyncGenerator<unknown, void, undefined> {
  const outgoing = prepare();
  const { signal, span, deadline, answerWithinMs } = outgoing;
  let call: OpenStream | undefined;
  const cancel = () => call?.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  let late: CallError | undefined;
  const giveUp = (): void => {
    late = answeredTooLate(outgoing);
    cancel();
  };
  const timer = answerWithinMs === undefined || deadline ? undefined : setTimeout(giveUp, answerWithinMs + MOMENT_MS);
  const answerBy = answerWithinMs === undefined ? undefined : (deadline ?? new Date(Date.now() + answerWithinMs));
  let [code, why] = [status.CANCELLED, "its reader left"];
  try {
    const { stream, first } = await onceReachable(outgoing, answerBy, async () => {
      const opened = openStream(outgoing);
      call = opened;
      return { stream: opened, first: await opened.next() };
    });
    clearTimeout(timer);
    for (let next = first; !next.done; next = await stream.next()) yield next.value;
    code = status.OK;
  } catch (error) {
    const failure = late ?? failed(outgoing, error);
    [code, why] = [failure.code, failure.message];
    throw failure;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
    call?.cancel();
    // The caller may keep this generator. Its variables would keep the stream, and that its last message.
    call = undefined;
    endCallSpan(span, code, why);
  }
}

interface OpenStream {
  next(): Promise<IteratorResult<unknown>>;
  cancel(): void;
}

function openStream(outgoing: Outgoing): OpenStream {
  const { client, method, metadata, request } = outgoing;
  const reading = createReadOnDemand(method.responseDeserialize);
  const call = client.makeServerStreamRequest(
    method.path,
    serialize(method),
    reading.deserialize,
    request,
    metadata,
    grpcOptions(outgoing),
  );
  reading.limit(call);
  const messages = call[Symbol.asyncIterator]();
  return {
    next() {
      reading.wanted();
      return messages.next();
    },
    cancel: () => call.cancel(),
  };
}

function answeredTooLate({ client, target, method, answerWithinMs }: Outgoing): CallError {
  // grpc-js does not report whether it sent a call that was cancelled later. So the state of the channel decides.
  const [code, message] =
    client.getChannel().getConnectivityState(false) === connectivityState.READY
      ? [status.DEADLINE_EXCEEDED, `${method.path} at ${target}: no answer within ${answerWithinMs} ms`]
      : [status.UNAVAILABLE, `${target} could not be reached for ${method.path} in ${answerWithinMs} ms`];
  return new CallError(code, message, NO_DETAILS, { method: method.path });
}

function failed({ target, method, signal }: Outgoing, error: unknown): CallError {
  return toCallError(error, { target, method: method.path, cancelled: signal?.aborted ?? false });
}

function serialize(method: MethodShape): (value: object) => Buffer {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Client<D> has checked the request's type
  return (value) => method.requestSerialize(value as never);
}

function grpcOptions({ deadline }: Outgoing): { deadline?: Date } {
  return deadline ? { deadline } : {};
}
