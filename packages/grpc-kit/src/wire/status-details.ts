import { type FieldViolation, type Precondition, REASONS, type Reason, type Refusal } from "@ccsp/errors";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  RetryInfo,
  Status,
} from "@ccsp/protos/google/rpc/error_details.js";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { STATUS_OF } from "./reason-status.js";

/** The trailer in which gRPC libraries look for a serialized google.rpc.Status. */
const TRAILER = "grpc-status-details-bin";
const DOMAIN = "ccsp";
const TYPE_PREFIX = "type.googleapis.com/";

/**
 * Limits on the texts of a refusal. Clients built on gRPC core fail a call whose trailers are larger than 8 KiB, and
 * grpc-js fails at a multiple of that. The message travels twice: in a header, where one byte may become three, and in
 * this trailer. The trailer is in base64.
 */
const MAX_MESSAGE_BYTES = 512;
const MAX_TEXT_BYTES = 200;
const MAX_PRECONDITION_BYTES = 256;
const MAX_DETAIL_BYTES = 3_000;

/** What a refusal says in addition to its message, as decoded from the trailer. */
export interface RefusalDetails {
  readonly reason: Reason | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly quota: readonly { readonly subject: string; readonly description: string }[];
  readonly preconditions: readonly Precondition[];
}

export const NO_DETAILS: RefusalDetails = {
  reason: undefined,
  metadata: {},
  fields: [],
  retryAfterMs: undefined,
  quota: [],
  preconditions: [],
};

/**
 * Returns the status, message and trailer that the server sends for a refusal. Cuts long texts so that they fit into a
 * header.
 */
export function encodeRefusal(refusal: Refusal): StatusObject {
  const code = STATUS_OF[refusal.reason];
  const message = clip(refusal.message, MAX_MESSAGE_BYTES);
  const metadata = new Metadata();
  const encoded = Status.encode({ code, message, details: detailsOf(refusal) }).finish();
  metadata.set(TRAILER, Buffer.from(encoded));
  return { code, details: message, metadata };
}

/** Reads what `encodeRefusal` wrote. Ignores details of other domains and of unknown types. */
export function decodeDetails(metadata: Metadata): RefusalDetails {
  const [encoded] = metadata.get(TRAILER);
  if (!Buffer.isBuffer(encoded)) return NO_DETAILS;
  try {
    return readDetails(Status.decode(encoded));
  } catch {
    // The trailer is optional: if it cannot be read, the status still says what happened.
    return NO_DETAILS;
  }
}

function detailsOf(refusal: Refusal) {
  const { reason, retryAfterMs } = refusal;
  const budget = { bytes: MAX_DETAIL_BYTES };
  const metadata = Object.fromEntries(
    within(budget, Object.entries(refusal.metadata), ([key, text]) => [key, clip(text, MAX_TEXT_BYTES)]),
  );
  const details = [pack("google.rpc.ErrorInfo", ErrorInfo.encode({ reason, domain: DOMAIN, metadata }))];
  if (retryAfterMs !== undefined) {
    const retryDelay = toDuration(retryAfterMs);
    details.push(pack("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay })));
  }
  const fieldViolations = within(budget, refusal.fields, ({ field, description }) => ({
    field: clip(field, MAX_TEXT_BYTES),
    description: clip(description, MAX_TEXT_BYTES),
  }));
  if (fieldViolations.length > 0) details.push(pack("google.rpc.BadRequest", BadRequest.encode({ fieldViolations })));
  const violations = within(budget, refusal.quota, ({ subject, description }) => ({
    subject: clip(subject, MAX_TEXT_BYTES),
    description: clip(description, MAX_TEXT_BYTES),
  }));
  if (violations.length > 0) details.push(pack("google.rpc.QuotaFailure", QuotaFailure.encode({ violations })));
  const unmet = within(budget, refusal.preconditions, ({ type, subject, description }) => ({
    type,
    subject: clip(subject, MAX_TEXT_BYTES),
    // The reason for a stop, which an operator writes. This size fits the longest reason uncut.
    description: clip(description, MAX_PRECONDITION_BYTES),
  }));
  if (unmet.length > 0) {
    details.push(pack("google.rpc.PreconditionFailure", PreconditionFailure.encode({ violations: unmet })));
  }
  return details;
}

/** Returns the first entries, each shortened, until the budget is used up. */
function within<T, R>(budget: { bytes: number }, entries: readonly T[], shorten: (entry: T) => R): R[] {
  const kept: R[] = [];
  for (const entry of entries) {
    const short = shorten(entry);
    budget.bytes -= Buffer.byteLength(JSON.stringify(short));
    if (budget.bytes < 0) break;
    kept.push(short);
  }
  return kept;
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
        if (retryDelay) read = { ...read, retryAfterMs: durationMs(retryDelay) };
        break;
      }
      case `${TYPE_PREFIX}google.rpc.QuotaFailure`:
        read = { ...read, quota: QuotaFailure.decode(value).violations };
        break;
      case `${TYPE_PREFIX}google.rpc.PreconditionFailure`:
        read = { ...read, preconditions: PreconditionFailure.decode(value).violations };
        break;
      default:
    }
  }
  return read;
}

function pack(type: string, message: { finish(): Uint8Array }) {
  return { typeUrl: TYPE_PREFIX + type, value: Buffer.from(message.finish()) };
}

/** Cuts between characters. Replaces half surrogate pairs, because grpc-js's encodeURI would throw on them. */
function clip(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(0, maxBytes + 1));
  if (bytes.length <= maxBytes) return bytes.toString();
  let end = maxBytes - 3;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)}…`;
}
