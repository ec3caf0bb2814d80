import * as fc from "fast-check";
import type { Run } from "../src/usage/domain/run.js";
import { MINUTE_MS } from "../src/usage/domain/usage-store.js";

export const now = new Date("2026-03-01T10:30:00Z");

const text = (...values: string[]) => fc.constantFrom(...values);
const maybe = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: undefined });
/** A run that ended in the 40 days before `now`, with one of a few ids and names, and any of its numbers unknown. */
export const anyRun: fc.Arbitrary<Run> = fc.record({
  id: fc.integer({ min: 0, max: 60 }).map((n) => `0-${n} result`),
  partition: fc.integer({ min: 0, max: 1 }),
  taskId: fc.constant("0-t"),
  traceparent: fc.constant(""),
  attempt: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  // Some share a minute, because these are counted together.
  endTime: fc
    .oneof(fc.nat({ max: 2 }), fc.nat({ max: 40 * 24 * 60 }))
    .map((minutes) => new Date(now.getTime() - minutes * MINUTE_MS)),
  row: fc.record({
    agent: text("a", 'b "quoted"', "c;d,e"),
    engine: text("e", "f"),
    account: text("", "x"),
    model: text("", "m", "n"),
    priority: text("", "high"),
    label: text("", "other", "team=x", "team=x,tier=1"),
  }),
  outcome: fc.constantFrom("succeeded", "failed", "cancelled"),
  tokens: fc.option(fc.record({ input: fc.nat(), output: fc.nat(), cacheRead: fc.nat(), cacheCreation: fc.nat() }), {
    nil: undefined,
  }),
  costMicroUsd: maybe(1e12),
  runMs: maybe(1e9),
  waitMs: maybe(1e9),
});

export async function textsOf(parts: AsyncIterable<string>): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of parts) texts.push(text);
  return texts;
}
