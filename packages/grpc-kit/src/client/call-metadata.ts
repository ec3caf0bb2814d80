import { Metadata, status } from "@grpc/grpc-js";
import { CallError } from "../wire/call-error.js";
import { NO_DETAILS } from "../wire/status-details.js";

export type PlainMetadata = Readonly<Record<string, string>>;

/**
 * gRPC core accepts no more metadata by default. An HTTP/2 peer that receives far more ends the connection, with all
 * other calls on it. The client refuses too much metadata before it sends, so only one call fails, with a clear error.
 */
const MAX_BYTES = 16 * 1024;

/**
 * Asks the server to send the answers of one connection in turns (RFC 9218). Without it, HTTP/2 of Node 24 sends them one
 * after the other: a small answer waits until all larger ones that began before it have been sent. All calls of a
 * gateway to a queue share a connection, so the large answers of one agent would hold up everybody.
 */
const IN_TURNS = { priority: "i" } as const;

/** Throws `CallError` MESSAGE_TOO_LARGE, which names the largest entry. */
export function toMetadata(values: PlainMetadata = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(IN_TURNS)) metadata.set(key, value);
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);

  const sizes = Object.entries(metadata.toHttp2Headers()).map(([key, value]) => ({ key, bytes: sizeOf(key, value) }));
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MAX_BYTES) {
    const [largest] = sizes.toSorted((a, b) => b.bytes - a.bytes);
    throw tooLarge(total, largest?.key ?? "");
  }
  return metadata;
}

/** The size as HTTP/2 counts it: the text of each entry plus 32 bytes. */
function sizeOf(key: string, value: string | readonly string[] | number | undefined): number {
  const values = Array.isArray(value) ? value : [value];
  return values.reduce<number>((sum, each) => sum + 32 + key.length + String(each).length, 0);
}

function tooLarge(total: number, key: string): CallError {
  const field = `metadata.${key}`;
  const description = `makes the call's metadata ${total} bytes, larger than the ${MAX_BYTES} that are sent`;
  return new CallError(status.RESOURCE_EXHAUSTED, `${field} ${description}`, {
    ...NO_DETAILS,
    reason: "MESSAGE_TOO_LARGE",
    fields: [{ field, description }],
  });
}
