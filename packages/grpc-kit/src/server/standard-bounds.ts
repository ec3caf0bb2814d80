import { type ServiceDefinition, status } from "@grpc/grpc-js";

/**
 * Bounds on health and reflection. Everybody may call them without any proof, and their libraries keep what they are
 * sent.
 */

/** A stream of one of these services, as far as the bounds need it. */
export interface StreamCall {
  /** Absent if the client sends a stream. */
  readonly request?: { readonly service?: string };
  write(message: unknown, sent?: () => void): boolean;
  pause?(): unknown;
  resume?(): unknown;
  end(): void;
  emit(event: "error", error: { readonly code: status; readonly details: string }): unknown;
  once(event: "cancelled", listener: () => void): unknown;
}

type Handle = (call: StreamCall) => void;

/** Longer than the name of anything that these services know. */
const REQUEST_BYTES = 4 * 1024;
/** Each one may hold an answer that its client does not read. Tools need one for a moment. */
const MOST_STREAMS = 100;

export function withSmallRequests(definition: ServiceDefinition): ServiceDefinition {
  const bounded = Object.entries(definition).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize(bytes: Buffer) {
        if (bytes.length > REQUEST_BYTES) throw new Error(`the request has more than ${REQUEST_BYTES} bytes`);
        return method.requestDeserialize(bytes);
      },
    },
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js types serializers with `any`
  return Object.fromEntries(bounded) as ServiceDefinition;
}

/** Reflection reads all that comes, and its answers would wait in memory for a client that does not read them. */
export function answerOneAtATime(handle: Handle): Handle {
  let streams = 0;
  return (call) => {
    if (streams >= MOST_STREAMS) {
      call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many clients ask for reflection now" });
      return;
    }
    streams += 1;
    call.once("cancelled", () => (streams -= 1));
    const write = call.write.bind(call);
    call.write = (message) => {
      call.pause?.();
      return write(message, () => call.resume?.());
    };
    handle(call);
  };
}

/** The health library keeps each name that it was ever asked to watch. The names of a server never change. */
export function watchKnown(handle: Handle, names: readonly string[]): Handle {
  return (call) => {
    if (names.includes(call.request?.service ?? "")) handle(call);
    else call.write({ status: "SERVICE_UNKNOWN" });
  };
}
