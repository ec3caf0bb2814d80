/**
 * How much a benchmark does: `count`, or with BRIEF=1 in the environment `least`. A brief run shows that the benchmark
 * still works; its figures mean nothing.
 */
export function unlessBrief(count: number, least = 1): number {
  return process.env["BRIEF"] === "1" ? least : count;
}
