import { Client, credentials, type MethodDefinition, status } from "@grpc/grpc-js";
import type { BufferCounts, StoredTrace } from "./trace-buffer.js";

/** What the store answers about one trace, and what it has in all. */
export interface FoundTrace extends StoredTrace {
  readonly store: BufferCounts;
}

const toJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const idFrom = (bytes: Buffer): string => JSON.parse(bytes.toString());
const traceFrom = (bytes: Buffer): FoundTrace => JSON.parse(bytes.toString());

/**
 * The store's own call, beside OTLP. Only this package uses it, on both ends, so its messages are JSON and need no
 * proto.
 */
export const FIND: MethodDefinition<string, FoundTrace> = {
  path: "/ccsp.TraceStore/Find",
  requestStream: false,
  responseStream: false,
  requestSerialize: toJson,
  requestDeserialize: idFrom,
  responseSerialize: toJson,
  responseDeserialize: traceFrom,
};

const LOOKUP_MS = 5_000;

/** Asks the store that listens on a socket. Without spans in the answer, the store has nothing of this trace. */
export function findTrace(socket: string, traceId: string): Promise<FoundTrace> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    // A trace is smaller than all traces together.
    "grpc.max_receive_message_length": -1,
  });
  return new Promise<FoundTrace>((resolve, reject) => {
    client.makeUnaryRequest(
      FIND.path,
      FIND.requestSerialize,
      FIND.responseDeserialize,
      traceId,
      { deadline: Date.now() + LOOKUP_MS },
      (error, found) => {
        if (found) resolve(found);
        else reject(new Error(`the trace store does not answer: ${error?.details ?? status[status.UNKNOWN]}`));
      },
    );
  }).finally(() => client.close());
}
