import { milliseconds } from "../format.js";
import { waitingIn } from "../parts/waiting.js";
import type { QueueStatus } from "../routes.js";
import type { GateScope } from "../work/scope-words.js";

type Depth = QueueStatus["depths"][number];

export interface Load {
  readonly waiting: number;
  readonly running: number;
  /** For a time: PARKED or SCHEDULED. */
  readonly parked: number;
  /** Milliseconds. Undefined: none waits. */
  readonly oldest: number | undefined;
  /** A gate holds all that waits. */
  readonly held: boolean;
}

/** The sum of these depths. */
export function loadOf(depths: readonly Depth[]): Load {
  const sum = (number: (depth: Depth) => number) => depths.reduce((total, depth) => total + number(depth), 0);
  const ages = depths.flatMap(({ oldestAge }) => (oldestAge === undefined ? [] : [milliseconds(oldestAge)]));
  const busy = depths.filter(({ waiting, parked }) => waiting + parked > 0);
  return {
    waiting: sum(({ waiting }) => waiting),
    running: sum(({ running }) => running),
    parked: sum(({ parked }) => parked),
    oldest: ages.length === 0 ? undefined : Math.max(...ages),
    held: busy.length > 0 && busy.every(({ paused }) => paused),
  };
}

/** What waits and runs in the scope of a gate. Undefined: the queue does not count it. */
export function loadIn(scope: GateScope, status: QueueStatus) {
  const { depths, agents, leased } = status;
  if (scope.all || scope.emergency) return { waiting: waitingIn(status), running: leased };
  if (scope.agentId) {
    const { waiting = 0, running = 0 } = agents.find(({ agentId }) => agentId === scope.agentId) ?? {};
    return { waiting, running };
  }
  if (!scope.priority && !scope.engine) return undefined;
  const inScope = depths.filter(({ priority, engine }) => priority === scope.priority || engine === scope.engine);
  const { waiting, parked, running } = loadOf(inScope);
  return { waiting: waiting + parked, running };
}
