import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import { openLogStream } from "./log-stream.js";

export interface LoggerOptions {
  /** The service's name. */
  readonly name: string;
  readonly level: string;
  readonly instance: string;
  /** stdout when left out: that one may fail, is counted then (see `createMetrics`), and tells of it in the log once it is written again. */
  readonly stream?: DestinationStream | undefined;
}

/** Fields that hold what people typed, what engines answered, or a secret. */
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
/** In the logged object itself and in up to three levels inside it, as in `err.request.headers.authorization`. */
const HIDDEN_PATHS = ["", "*", "*.*", "*.*.*"].flatMap((inside) =>
  HIDDEN_FIELDS.map((field) => `${inside}["${field}"]`),
);

/**
 * JSON lines with the trace and span that are active where the line is logged. Prompts, answers and secrets under their usual field
 * names are replaced; messages are constant text, so nothing has to be looked for in them.
 */
export function createLogger({ name, level, instance, stream }: LoggerOptions): Logger {
  const own = stream === undefined ? openLogStream(name, STDOUT) : undefined;
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
  own?.onRecovery((lost) => log.warn(lost, "the log could not be written for a while"));
  return log;
}

const STDOUT = 1;

function activeSpan(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
