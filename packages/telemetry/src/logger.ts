import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, type LogFn, type Logger, pino, stdTimeFunctions } from "pino";
import { describeError, isError } from "./describe-error.js";
import { NOT_WRITTEN, openOutput } from "./output.js";

export interface LoggerOptions {
  /** The name of the service. */
  readonly name: string;
  readonly level: string;
  readonly instance: string;
  /**
   * If omitted, the log goes to stdout. Lines may be lost there, since nothing waits for a log. They are counted (see
   * `createMetrics`), and the log says how many as soon as it is written again.
   */
  readonly stream?: DestinationStream | undefined;
}

/** Fields that contain user input, answers of engines, or a secret. */
const HIDDEN_FIELDS = [
  "prompt",
  "systemPrompt",
  "text",
  "token",
  "authorization",
  "Authorization",
  "secret",
  "password",
  "apiKey",
  "api_key",
  "x-api-key",
];
/**
 * The fields in the logged object itself, and in up to three levels inside it, for example
 * `err.request.headers.authorization`.
 */
const HIDDEN_PATHS = ["", "*", "*.*", "*.*.*"].flatMap((inside) =>
  HIDDEN_FIELDS.map((field) => `${inside}["${field}"]`),
);

/**
 * Creates a logger that writes JSON lines. Each line has the trace and span that are active at that moment. Values of
 * prompts, answers and secrets are replaced if they have their usual field names. Of an error, in any field, only that
 * is written which `describeError` lets through. Messages are constant text, so they need no filter.
 */
export function createLogger({ name, level, instance, stream }: LoggerOptions): Logger {
  const own = stream === undefined ? openOutput(STDOUT) : undefined;
  const log = pino(
    {
      level,
      base: { service: name, instance },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: HIDDEN_PATHS, censor: "[hidden]" },
      mixin: activeSpan,
      serializers: { err: describeError },
      hooks: {
        logMethod(args, method) {
          method.apply(this, described(args));
        },
      },
    },
    stream ?? own,
  );
  own?.sayLoss((lost) => log.warn(lost, NOT_WRITTEN));
  return log;
}

const STDOUT = 1;

type LogArguments = Parameters<LogFn>;

/** The arguments of a call of the logger, without errors. pino itself would take an error's message as the line's. */
function described([first, ...rest]: LogArguments): LogArguments {
  if (isError(first)) return described([{ err: first }, ...rest]);
  const [message = messageOf(first), ...values] = rest.map((value) => withoutErrors(value));
  const given: unknown[] = [withoutErrors(first), ...(message === undefined ? [] : [message]), ...values];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of pino's arguments depend on the message
  return given as LogArguments;
}

const messageOf = (fields: unknown): string | undefined =>
  isObject(fields) && fields["err"] !== undefined ? describeError(fields["err"]).message : undefined;

const MOST_DEPTH = 4;

/** The value with a description in place of each error in it. The serializer of `err` does that one. */
function withoutErrors(value: unknown, depth = 0): unknown {
  if (isError(value)) return describeError(value);
  // Dates and buffers say themselves what they are in JSON.
  if (!isObject(value) || typeof value["toJSON"] === "function") return value;
  if (depth > MOST_DEPTH) return "[Object]";
  if (Array.isArray(value)) return value.map((item) => withoutErrors(item, depth + 1));
  const entries = Object.entries(value);
  if (!entries.some(([, item]) => isObject(item))) return value;
  return Object.fromEntries(
    entries.map(([key, item]) => [key, depth === 0 && key === "err" ? item : withoutErrors(item, depth + 1)]),
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function activeSpan(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
