import { eventsKey } from "@ccsp/events";
import type { PriorityClass } from "../domain/task.js";

/** There is one shard; more follow when agents hash to them. A shard's keys share a hash tag, so they are on one node. */
export const SHARD = 0;
const PREFIX = `ccsp:queue:{${SHARD}}:`;

export const keys = {
  tasks: `${PREFIX}tasks`,
  prompts: `${PREFIX}prompts`,
  results: `${PREFIX}results`,
  owned: `${PREFIX}owned`,
  leases: `${PREFIX}leases`,
  held: `${PREFIX}held`,
  parked: `${PREFIX}parked`,
  ended: `${PREFIX}ended`,
  executors: `${PREFIX}executors`,
  meta: `${PREFIX}meta`,
  running: `${PREFIX}running`,
  lines: `${PREFIX}lines`,
  events: eventsKey(SHARD),
  ready: (engine: string, priority: PriorityClass) => `${PREFIX}ready:${engine}:${priority}`,
  turns: (engine: string, priority: PriorityClass) => `${PREFIX}turns:${engine}:${priority}`,
  rota: (engine: string) => `${PREFIX}rota:${engine}`,
  log: (id: string) => `${PREFIX}log:${id}`,
  executor: (id: string) => `${PREFIX}executor:${id}`,
  request: (agent: string, requestId: string) => `${PREFIX}request:${agent}:${requestId}`,
} as const;

/** Pub/sub: `log` carries task ids, `work` carries topics (`engine:…`, `executor:…`). */
export const channels = { log: `${PREFIX}log`, work: `${PREFIX}work` } as const;
