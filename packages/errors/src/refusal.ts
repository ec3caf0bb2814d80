import type { Reason } from "./reason.js";
import { visible } from "./visible.js";

export interface FieldViolation {
  /** Path of the field in the request, such as `spec.limits.turns`. */
  readonly field: string;
  readonly description: string;
}

/** A condition that has to change before the same call can succeed. Waiting alone does not help. */
export interface Precondition {
  /** Kind of condition, such as `EMERGENCY_STOP`. */
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

export interface RefusalOptions {
  /**
   * Facts for a program, such as `task_id`. They reach logs and the caller, so they never contain prompts, outputs or
   * secrets.
   */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fields?: readonly FieldViolation[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly quota?: readonly { readonly subject: string; readonly description: string }[] | undefined;
  readonly preconditions?: readonly Precondition[] | undefined;
  /** For the log only: it is not sent to the caller. */
  readonly cause?: unknown;
}

/**
 * A refusal that the caller can act on. Terminals show its texts, so it escapes invisible characters in them. Any other
 * thrown error is a bug, and the server answers INTERNAL.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /**
   * Time after which the same call may succeed. Undefined when waiting does not help, or when the time is not known.
   */
  readonly retryAfterMs: number | undefined;
  readonly quota: readonly { readonly subject: string; readonly description: string }[];
  readonly preconditions: readonly Precondition[];

  constructor(reason: Reason, message: string, options: RefusalOptions = {}) {
    super(visible(message), "cause" in options ? { cause: options.cause } : undefined);
    this.reason = reason;
    this.metadata = shown(options.metadata ?? {});
    this.fields = (options.fields ?? []).map(shown);
    this.retryAfterMs = options.retryAfterMs;
    this.quota = (options.quota ?? []).map(shown);
    this.preconditions = (options.preconditions ?? []).map(shown);
  }
}

function shown<T extends Readonly<Record<keyof T, string>>>(texts: T): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys with texts
  return Object.fromEntries(Object.entries<string>(texts).map(([key, text]) => [key, visible(text)])) as T;
}

const MEMORY = "memory of Redis";
const IS_FULL = "is full (maxmemory): nothing new is stored until tasks have ended and were forgotten";

/** QUEUE_FULL for new work when the memory of Redis is full. */
export const memoryFull = (cause?: Error): Refusal =>
  new Refusal("QUEUE_FULL", `${MEMORY} ${IS_FULL}`, {
    // Random, so that callers that were refused together do not return together.
    retryAfterMs: 1_000 + Math.round(Math.random() * 2_000),
    quota: [{ subject: MEMORY, description: IS_FULL }],
    ...(cause && { cause }),
  });

/** One INVALID_FIELD refusal for everything that is wrong with a request. Its message names every wrong field. */
export function invalidFields(fields: readonly FieldViolation[]): Refusal {
  const message = fields.map(({ field, description }) => `${field} ${description}`).join("; ");
  return new Refusal("INVALID_FIELD", message, { fields });
}
