import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import { NOT_WRITTEN, openOutput } from "./output.js";

export interface LoggerOptions {
  /** The name of the service. */
  readonly name: string;
  readonly level: string;
  readonly instance: string;
  /**
   * If omitted, the log goes to stdout. Writes to stdout may fail. Then they are counted (see `createMetrics`), and the
   * log reports it after the next successful write.
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
 * prompts, answers and secrets are replaced if they have their usual field names. Messages are constant text, so they
 * need no filter.
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
    },
    stream ?? own,
  );
  own?.sayLoss((lost) => log.warn(lost, NOT_WRITTEN));
  return log;
}

const STDOUT = 1;

function activeSpan(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
