import { within } from "@ccsp/timing";
import type { Signal, SignalMetric, SignalSource } from "./signal.js";

/** The values of a metric, or why they are not known now. */
export type Reading = { readonly signals: readonly Signal[] } | { readonly fault: string };

/** All sources together. */
export interface Signals {
  readonly metrics: ReadonlyMap<string, SignalMetric>;
  /**
   * Returns the values of these metrics now. It asks each source that knows one of them, once, and never rejects: the
   * metrics of a source that rejects, or that does not answer in time, have a fault.
   */
  read(metrics: ReadonlySet<string>, now: Date): Promise<ReadonlyMap<string, Reading>>;
}

const ANSWER_MS = 10_000;

/** Throws if two sources name the same metric. */
export function collectSignals(sources: readonly SignalSource[], answerMs = ANSWER_MS): Signals {
  const metrics = new Map<string, SignalMetric>();
  for (const metric of sources.flatMap((source) => source.metrics)) {
    if (metrics.has(metric.name)) throw new Error(`two sources of signals have the metric ${metric.name}`);
    metrics.set(metric.name, metric);
  }
  return {
    metrics,
    read: async (wanted, now) => {
      const asked = sources.filter((source) => source.metrics.some(({ name }) => wanted.has(name)));
      const readings = await Promise.all(
        asked.map(async (source) => {
          const answer = await readingOf(source, now, answerMs);
          return source.metrics.map(({ name }): readonly [string, Reading] => [
            name,
            "fault" in answer ? answer : { signals: answer.signals.filter(({ metric }) => metric === name) },
          ]);
        }),
      );
      return new Map(readings.flat());
    },
  };
}

async function readingOf(source: SignalSource, now: Date, answerMs: number): Promise<Reading> {
  try {
    const late = (): never => {
      throw new Error(`no answer in ${answerMs / 1_000} s`);
    };
    return { signals: await within(answerMs, source.read(now), late) };
  } catch (err) {
    return { fault: err instanceof Error ? err.message : String(err) };
  }
}
