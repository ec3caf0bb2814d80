import { randomInt } from "node:crypto";
import { memoryFull, Refusal } from "@ccsp/errors";
import type { MoveOutcome } from "../task/move.js";
import type { PriorityClass } from "../task/task.js";

/** How much may wait: QUEUED, PARKED and SCHEDULED tasks, and the bytes of their specs. 0: no bound. */
export interface Bound {
  readonly tasks: number;
  readonly bytes: number;
}

export interface Bounds {
  readonly all: Bound;
  readonly class: Readonly<Record<PriorityClass, Bound>>;
  /** The bound of each single agent. */
  readonly agent: Bound;
}

/** Why a task is not accepted: a bound is reached, or Redis has no memory for more. */
export type FullBound =
  | {
      readonly scope: "all" | "class" | "agent";
      /** Name of the class or agent. "" for all. */
      readonly name: string;
      readonly what: keyof Bound;
    }
  | { readonly scope: "memory" };

const NONE: Bound = { tasks: 0, bytes: 0 };
export const NO_BOUNDS: Bounds = {
  all: NONE,
  class: { urgent: NONE, high: NONE, normal: NONE, low: NONE },
  agent: NONE,
};

/**
 * The bounds of one shard: its share of bounds on all agents. An agent is in one shard only, so its bound is not
 * divided.
 */
export function boundsOfShard({ all, class: of, agent }: Bounds, shards: number): Bounds {
  const share = ({ tasks, bytes }: Bound): Bound => ({
    tasks: Math.ceil(tasks / shards),
    bytes: Math.ceil(bytes / shards),
  });
  return {
    all: share(all),
    class: { urgent: share(of.urgent), high: share(of.high), normal: share(of.normal), low: share(of.low) },
    agent,
  };
}

type Pair = readonly [tasks: number, bytes: number];
const pair = ({ tasks, bytes }: Bound): Pair => [tasks, bytes];

/** The bounds as scripts get them: of `all`, of each class, and of each `agent`. */
export const boundsByName = ({ all, class: of, agent }: Bounds): Readonly<Record<string, Pair>> => ({
  all: pair(all),
  agent: pair(agent),
  urgent: pair(of.urgent),
  high: pair(of.high),
  normal: pair(of.normal),
  low: pair(of.low),
});

/** Throws QUEUE_FULL when a move was not made because it would exceed a bound. */
export function refuseFull(bounds: Bounds, outcome: MoveOutcome): void {
  const bound = outcome.startsWith("full ") ? boundNamed(outcome.slice("full ".length)) : undefined;
  if (bound) throw queueFull(bounds, bound);
}

/**
 * The bound with the name of its count, such as `agent/alice/tasks`, or `memory`. Undefined when there is no such
 * bound.
 */
export function boundNamed(name: string): FullBound | undefined {
  if (name === "memory") return { scope: name };
  const [, scope, of = "", what] = /^(all|class|agent)(?:\/(.+))?\/(tasks|bytes)$/.exec(name) ?? [];
  return isScope(scope) && isWhat(what) ? { scope, name: of, what } : undefined;
}

const isScope = (text: string | undefined): text is Exclude<FullBound["scope"], "memory"> =>
  text === "all" || text === "class" || text === "agent";
const isWhat = (text: string | undefined): text is keyof Bound => text === "tasks" || text === "bytes";

const SETTINGS = {
  all: "CCSP_QUEUE_MAX_WAITING",
  class: "CCSP_QUEUE_CLASS_MAX_WAITING",
  agent: "CCSP_QUEUE_AGENT_MAX_WAITING",
} as const;

/** QUEUE_FULL. It names the bound and its setting. */
export function queueFull(bounds: Bounds, full: FullBound): Refusal {
  if (full.scope === "memory") return memoryFull();
  const { scope, name, what } = full;
  const classes: Readonly<Record<string, Bound>> = bounds.class;
  const bound = scope === "class" ? classes[name] : bounds[scope];
  const whose = scope === "all" ? "" : ` of ${scope === "class" ? "class" : "agent"} ${name}`;
  const subject = `${what}${whose} waiting`;
  const description = `at most ${bound?.[what] ?? 0} (${SETTINGS[scope]}${what === "bytes" ? "_BYTES" : ""})`;
  return new Refusal("QUEUE_FULL", `${subject}: ${description}`, {
    // A random wait, so that callers that were refused together do not come back together.
    retryAfterMs: 1_000 + randomInt(2_000),
    quota: [{ subject, description }],
  });
}
