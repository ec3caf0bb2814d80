import { createRandom } from "@ccsp/e2e-kit/random.js";
import { status } from "@grpc/grpc-js";
import { Known } from "./known.js";
import type { Lessee } from "./lessee.js";
import { type RawClient, waits } from "./raw-client.js";
import { requestBytes } from "./request.js";
import type { FuzzedRpc } from "./rpcs.js";

export interface CampaignOptions {
  readonly rpcs: readonly FuzzedRpc[];
  readonly inputs: number;
  /** Repeats the choices. What the fleet answered, such as ids, is different in each run. */
  readonly seed: string;
  readonly clientOf: (rpc: FuzzedRpc, index: number) => RawClient;
  /** Gets the leases about which requests speak. */
  readonly lessee: Lessee;
  /** Called often, from 1 on, to undo what stops the fleet. Other inputs are sent meanwhile. */
  readonly keepGoing: (time: number) => Promise<void>;
  /** Called when a part of the inputs has been answered, from 1 to `PARTS`. No input is sent meanwhile. */
  readonly afterPart: (part: number) => Promise<void>;
}

export interface CampaignResult {
  /** Calls that ended in a way that no input may cause. */
  readonly wrong: readonly string[];
  /** How many calls ended with each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** How many calls passed their deadline that do not wait for news. */
  readonly late: number;
  /** How many calls of each RPC were accepted. */
  readonly accepted: ReadonlyMap<string, number>;
}

export const PARTS = 5;
/** Enough to keep two cores busy while others wait for news. */
const AT_ONCE = 64;
/** Inputs from one call of `keepGoing` to the next. */
const KEEP_GOING = 200;

/** No input may cause these: the server has failed, or it has no such call. */
const WRONG: ReadonlySet<status> = new Set([status.INTERNAL, status.UNKNOWN, status.UNIMPLEMENTED, status.DATA_LOSS]);

/** What a plausible request says, by the names of fields. A name with its message goes before one without. */
const KNOWN = {
  agent_id: ["fuzz-0", "fuzz-1", "fuzz-2", ""],
  executor_id: Array.from({ length: 8 }, (_, index) => `fuzz-executor-${index}`),
  subject: ["fuzz-agent", "fuzz-ci"],
  role: ["", "agent", "viewer"],
  scopes: ["tasks:read"],
  boot_id: ["boot-0"],
  address: ["", "127.0.0.1:3002"],
  engine: ["claude-code"],
  prompt: ["say something", "a", "short"],
  model: ["", "sonnet"],
  account: ["", "team"],
  cron: ["0 3 * * *", "@daily", "*/5 * * * *"],
  time_zone: ["UTC", "Asia/Tokyo"],
  working_folder: [""],
  name: ["nightly", "fuzz-schedule"],
  who: ["fuzz"],
  why: ["because"],
  request_id: ["fuzz-request-0", "fuzz-request-1"],
  "labels.key": ["team", "a"],
  label: ["team=a"],
  metric: ["executor_lost", "parked_events"],
  summary: ["something is high"],
  service: ["gateway", "queue", "executor", "monitor", "notification"],
  instance: ["fuzz-instance-0", "fuzz-instance-1"],
  version: ["1.0.0"],
  kind: ["fuzz.kind"],
  dedup_key: ["fuzz-incident-0", "fuzz-incident-1"],
  channel: ["file"],
  update_id: ["fuzz-update-0", "fuzz-update-1"],
  reason: ["because"],
  "links.value": ["https://example.com/a"],
  "LimitChange.name": ["weight/agent/fuzz-0", "weight/class/high", "rate/agent/fuzz-1", "rate/engine/claude-code"],
  "LabelMatcher.label": ["engine", "rule", "executor"],
  "Budget.name": ["fuzz-budget-0", "fuzz-budget-1"],
  "AlertRule.name": ["fuzz-rule-0", "fuzz-rule-1", "usage-80"],
};

/** These stop or slow the fleet, or start a process each, so they are sent less often. */
const SELDOM =
  /\/(EmergencyStop|SetDraining|SetConcurrency|Probe|PauseQueue|SetLimits|CheckSession|ConfirmSession|ClearQueue|CancelTasks)$/;

/** Sends the inputs to all RPCs. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { rpcs, inputs, seed, clientOf, lessee, keepGoing, afterPart } = options;
  const weighted = rpcs.map((rpc) => ({ rpc, weight: SELDOM.test(rpc.path) ? 1 : 10 }));
  const known = new Known(KNOWN);
  const wrong: string[] = [];
  const statuses: Record<string, number> = {};
  const accepted = new Map(rpcs.map(({ path }) => [path, 0]));
  let late = 0;
  const sync = rpcs.find(({ path }) => path.endsWith("/Sync"));

  const send = async (index: number): Promise<void> => {
    if (index % KEEP_GOING === 0) {
      await keepGoing(index / KEEP_GOING + 1);
      const leases = await lessee.sync();
      if (sync && leases) known.learn(sync.method.output, leases);
    }
    const random = createRandom(`${seed} ${index}`);
    const { rpc } = random.weighted(weighted);
    const request = requestBytes(rpc.method.input, random, known);
    const { code, message, answer } = await clientOf(rpc, index).call(rpc, request);
    const name = status[code];
    statuses[name] = (statuses[name] ?? 0) + 1;
    const input = (): string => `input ${index} to ${rpc.path}: ${request.subarray(0, 600).toString("base64")}`;
    if (code === status.DEADLINE_EXCEEDED && !waits(rpc)) late += 1;
    if (WRONG.has(code)) wrong.push(`${name} (${message}) for ${input()}`);
    if (answer === undefined) return;
    accepted.set(rpc.path, (accepted.get(rpc.path) ?? 0) + 1);
    try {
      known.learn(rpc.method.output, answer);
    } catch (error) {
      wrong.push(`an answer that cannot be read (${String(error)}) for ${input()}`);
    }
  };

  let next = 0;
  for (let part = 1; part <= PARTS; part += 1) {
    const end = Math.floor((inputs * part) / PARTS);
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < end) await send(next++);
      }),
    );
    await afterPart(part);
  }
  return { wrong, statuses, late, accepted };
}
