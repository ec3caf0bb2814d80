import { formatHostPort } from "@ccsp/config";
import type { Health } from "@ccsp/fleet";
import type { OpsPort } from "./site.js";

/** The answer of an ops port, with what its clock showed. */
export interface OpsAnswer extends Health {
  /** How far the clock of that host is ahead of this one's, in ms. Undefined: the answer has no time. */
  readonly aheadMs: number | undefined;
}

/** More than the 2 s that a service's own checks may take. */
const ANSWER_MS = 5_000;
/** The header has whole seconds, cut off. */
const HALF_SECOND_MS = 500;

/** Asks a replica for its state. Rejects if it does not answer within 5 s. */
export async function askOps({ host, port }: OpsPort, now: () => Date): Promise<OpsAnswer> {
  const url = `http://${formatHostPort({ host, port })}/health?verbose`;
  const before = now().getTime();
  // Its own message is "fetch failed"; the cause says whether it was refused, or has no route.
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch((error: unknown) => {
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
  });
  const middle = (before + now().getTime()) / 2;
  const answer: unknown = await response.json().catch(() => undefined);
  if (!isHealth(answer)) throw new Error("what answers there is not the ops port of a service");
  const { state, failing } = answer;
  const date = Date.parse(response.headers.get("date") ?? "");
  return { state, failing, aheadMs: Number.isNaN(date) ? undefined : date + HALF_SECOND_MS - middle };
}

const isHealth = (answer: unknown): answer is Health =>
  typeof answer === "object" && answer !== null && "state" in answer && "failing" in answer;
