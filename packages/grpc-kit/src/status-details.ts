import { type FieldViolation, REASONS, type Reason, type Refusal } from "@ccsp/errors";
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo, Status } from "@ccsp/protos/google/rpc/error_details.js";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { STATUS_OF } from "./reason-status.js";

/** The trailer in which gRPC libraries look for a serialized google.rpc.Status. */
const TRAILER = "grpc-status-details-bin";
const DOMAIN = "ccsp";
const TYPE_PREFIX = "type.googleapis.com/";

/**
 * Clients built on gRPC core drop a whole answer whose headers pass 8 KiB, and the message travels twice and in base64.
 * What a refusal quotes from a request is therefore cut.
 */
const MAX_MESSAGE = 800;
const MAX_TEXT = 160;
const MAX_ENTRIES = 12;

/** What a refusal says besides its message, as it is read from the trailer. */
export interface RefusalDetails {
  readonly reason: Reason | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly quota: readonly { readonly subject: string; readonly description: string }[];
}

export const NO_DETAILS: RefusalDetails = {
  reason: undefined,
  metadata: {},
  fields: [],
  retryAfterMs: undefined,
  quota: [],
};

/** The status, message and trailer with which a refusal leaves the server. Long texts are cut so that they fit a header. */
export function encodeRefusal(refusal: Refusal): StatusObject {
  const code = STATUS_OF[refusal.reason];
  const message = clip(refusal.message, MAX_MESSAGE);
  const metadata = new Metadata();
  const encoded = Status.encode({ code, message, details: detailsOf(refusal) }).finish();
  metadata.set(TRAILER, Buffer.from(encoded));
  return { code, details: message, metadata };
}

/** Reads what `encodeRefusal` wrote. Details of other domains and types it does not know are passed over. */
export function decodeDetails(metadata: Metadata): RefusalDetails {
  const [encoded] = metadata.get(TRAILER);
  if (!Buffer.isBuffer(encoded)) return NO_DETAILS;
  try {
    return readDetails(Status.decode(encoded));
  } catch {
    // The trailer is a courtesy: when it cannot be read, the status still says what happened.
    return NO_DETAILS;
  }
}

function detailsOf(refusal: Refusal) {
  const { reason, fields, quota, retryAfterMs } = refusal;
  const details = [
    pack("google.rpc.ErrorInfo", ErrorInfo.encode({ reason, domain: DOMAIN, metadata: clipAll(refusal.metadata) })),
  ];
  if (fields.length > 0) {
    const fieldViolations = fields
      .slice(0, MAX_ENTRIES)
      .map(({ field, description }) => ({ field: clip(field, MAX_TEXT), description: clip(description, MAX_TEXT) }));
    details.push(pack("google.rpc.BadRequest", BadRequest.encode({ fieldViolations })));
  }
  if (retryAfterMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(retryAfterMs / 1000)),
      nanos: Math.floor(retryAfterMs % 1000) * 1e6,
    };
    details.push(pack("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay })));
  }
  if (quota.length > 0) {
    const violations = quota.slice(0, MAX_ENTRIES).map(({ subject, description }) => ({
      subject: clip(subject, MAX_TEXT),
      description: clip(description, MAX_TEXT),
    }));
    details.push(pack("google.rpc.QuotaFailure", QuotaFailure.encode({ violations })));
  }
  return details;
}

function readDetails({ details }: Status): RefusalDetails {
  let read = NO_DETAILS;
  for (const { typeUrl, value } of details) {
    switch (typeUrl) {
      case `${TYPE_PREFIX}google.rpc.ErrorInfo`: {
        const { reason, domain, metadata } = ErrorInfo.decode(value);
        if (domain === DOMAIN) read = { ...read, reason: REASONS.find((known) => known === reason), metadata };
        break;
      }
      case `${TYPE_PREFIX}google.rpc.BadRequest`:
        read = { ...read, fields: BadRequest.decode(value).fieldViolations };
        break;
      case `${TYPE_PREFIX}google.rpc.RetryInfo`: {
        const { retryDelay } = RetryInfo.decode(value);
        if (retryDelay) read = { ...read, retryAfterMs: Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6 };
        break;
      }
      case `${TYPE_PREFIX}google.rpc.QuotaFailure`:
        read = { ...read, quota: QuotaFailure.decode(value).violations };
        break;
      default:
    }
  }
  return read;
}

function pack(type: string, message: { finish(): Uint8Array }) {
  return { typeUrl: TYPE_PREFIX + type, value: Buffer.from(message.finish()) };
}

function clipAll(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts)
      .slice(0, MAX_ENTRIES)
      .map(([key, text]) => [key, clip(text, MAX_TEXT)]),
  );
}

/** Also replaces lone surrogates, which cutting may leave and which grpc-js's encodeURI throws on. */
function clip(text: string, length: number): string {
  const cut = text.length > length ? `${text.slice(0, length - 1)}…` : text;
  return Buffer.from(cut).toString();
}
