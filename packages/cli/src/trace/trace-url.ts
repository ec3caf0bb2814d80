import type { Io } from "../process/io.js";

const PLACE = "{traceId}";
export const TRACE_URL_HELP = `the address of a trace in your tracing system, such as https://jaeger.example/trace/${PLACE}`;

/** The address of a trace in the tracing system that CCSP_TRACE_URL names. Undefined when it names none. */
export function traceUrl({ env }: Io, traceId: string): string | undefined {
  const pattern = env["CCSP_TRACE_URL"];
  return pattern?.includes(PLACE) ? pattern.replaceAll(PLACE, traceId) : undefined;
}

/** The line about the trace of a task, for people. */
export function traceLine(io: Io, traceId: string): string {
  const url = traceUrl(io, traceId);
  if (url !== undefined) return `trace       ${url}`;
  const wrong = io.env["CCSP_TRACE_URL"] ? ` (CCSP_TRACE_URL has no ${PLACE}: it is ${TRACE_URL_HELP})` : "";
  return `trace id    ${traceId}${wrong}`;
}
