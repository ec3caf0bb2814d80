import type { Reason } from "./reason.js";
import { visible } from "./visible.js";

export interface FieldViolation {
  /** Path in the request, as in `spec.limits.turns`. */
  readonly field: string;
  readonly description: string;
}

/** What has to change before the same call can succeed; waiting alone does not help. */
export interface Precondition {
  /** Kind of condition, such as `EMERGENCY_STOP`. */
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

export interface RefusalOptions {
  /** Facts a program can act on, such as `task_id`. Never prompts, outputs or secrets: they reach logs and the caller. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fields?: readonly FieldViolation[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly quota?: readonly { readonly subject: string; readonly description: string }[] | undefined;
  readonly preconditions?: readonly Precondition[] | undefined;
  /** For the log only; it does not travel. */
  readonly cause?: unknown;
}

/** A refusal that the caller can act on; what it quotes is made visible, since it is read on terminals. Anything else that is thrown is a bug, and leaves a server as INTERNAL. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /** When the same call may succeed; undefined when waiting is not what helps, or nobody knows. */
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

/** QUEUE_FULL, for new work that Redis has no memory for. */
export const memoryFull = (cause?: Error): Refusal =>
  new Refusal("QUEUE_FULL", `${MEMORY} ${IS_FULL}`, {
    // Spread, so that those who were refused together do not come back together.
    retryAfterMs: 1_000 + Math.round(Math.random() * 2_000),
    quota: [{ subject: MEMORY, description: IS_FULL }],
    ...(cause && { cause }),
  });

/** One INVALID_FIELD refusal for everything that is wrong with a request; its message names every field. */
export function invalidFields(fields: readonly FieldViolation[]): Refusal {
  const message = fields.map(({ field, description }) => `${field} ${description}`).join("; ");
  return new Refusal("INVALID_FIELD", message, { fields });
}
