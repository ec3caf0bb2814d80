import { SetConcurrencyRequest } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { EmergencyLevel, EmergencyStopRequest } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { SetLimitsRequest } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { HttpFault } from "../http/problem.js";
import { numberIn, textIn, wrong } from "./read.js";
import type { V1Request, V1Route } from "./route.js";
import { withStartDelay } from "./throttle.js";

const MAX_WHY = 256;
const MAX_SLOTS = 500;
const HOUR_MS = 3_600_000;
/** How many turns an agent gets for one of an agent without a weight. `normal` is the weight of the settings. */
const WEIGHTS: ReadonlyMap<string, number | undefined> = new Map([
  ["urgent", 8],
  ["high", 4],
  ["normal", undefined],
]);

export const CONTROL_ROUTES: readonly V1Route[] = [
  {
    method: "POST",
    path: "/control/throttle",
    instead: "PUT /api/v2/queue/limits",
    rpcs: ["OperatorService/SetLimits"],
    async handle({ body, operators, call }) {
      const { enabled } = body;
      if (typeof enabled !== "boolean") throw wrong("enabled", "is not true or false");
      const mode = textIn(body, "mode", 64);
      const delay = enabled ? numberIn(body, "delay", { min: 1, max: HOUR_MS, usual: 0 }) : 0;
      if (enabled && delay === 0) throw wrong("delay", "is missing: write the milliseconds between two starts");
      await operators.setLimits(withStartDelay(delay, `throttle of /api/v1 ${mode}`.trim()), call);
      return { message: enabled ? `Throttle enabled with ${delay}ms between two starts` : "Throttle disabled" };
    },
  },
  {
    method: "POST",
    path: "/control/priority",
    instead: "PUT /api/v2/queue/limits",
    rpcs: ["OperatorService/SetLimits"],
    async handle({ body, operators, call }) {
      const agent = textIn(body, "agent", 128);
      if (agent === "") throw wrong("agent", "is missing");
      const weight = weightIn(body);
      const value = weight === undefined ? undefined : ({ value: { $case: "weight", value: weight } } as const);
      const changes = [{ name: `weight/agent/${agent}`, value }];
      await operators.setLimits(SetLimitsRequest.fromPartial({ changes, why: "priority of /api/v1" }), call);
      return { message: `Priority of ${agent} set`, data: { agent, weight: weight ?? null } };
    },
  },
  {
    method: "POST",
    path: "/control/emergency-stop",
    instead: "POST /api/v2/emergency-stop",
    rpcs: ["OperatorService/EmergencyStop"],
    async handle({ body, operators, call }) {
      const why = textIn(body, "reason", MAX_WHY) || "emergency stop by /api/v1";
      const request = EmergencyStopRequest.fromPartial({ level: EmergencyLevel.PARK_RUNNING, why });
      const { confirmed } = await operators.emergencyStop(request, call);
      return { message: "Emergency stop in force: nothing starts, and what ran waits", data: { confirmed } };
    },
  },
  {
    method: "GET",
    path: "/health/detailed",
    instead: "GET /api/v2/fleet",
    rpcs: ["OperatorService/GetGlobalMetrics"],
    async handle({ operators, call }) {
      const { instances, services, time } = await operators.getGlobalMetrics({}, call);
      const notOk = services.filter((service) => service.notOk > 0 || service.instances === 0);
      return {
        data: {
          status: notOk.length === 0 ? "healthy" : "degraded",
          time,
          services: Object.fromEntries(
            services.map(({ service, instances: count, notOk: bad }) => [service, { instances: count, notOk: bad }]),
          ),
          instances: instances.map(({ report, health, why }) => ({
            service: report?.service,
            instance: report?.instance,
            state: InstanceState[report?.state ?? InstanceState.UNSPECIFIED],
            health,
            why,
          })),
        },
      };
    },
  },
  {
    method: "GET",
    path: "/config",
    instead: "GET /api/v2/executors",
    rpcs: ["OperatorService/GetStatus"],
    async handle(request) {
      const maxConcurrent = (await offersOf(request)).reduce((sum, { slots }) => sum + slots, 0);
      return { data: { maxConcurrent, alertThreshold: null, schedulerInterval: null } };
    },
  },
  {
    method: "PUT",
    path: "/config",
    instead: "PUT /api/v2/executors/{executorId}/concurrency",
    rpcs: ["OperatorService/SetConcurrency", "OperatorService/GetStatus"],
    async handle(request) {
      const { operators, call } = request;
      const body = configIn(request.body);
      for (const [field, instead] of Object.entries(NOT_HERE))
        if (body[field] !== undefined) throw new HttpFault(501, `${field} does not exist any more: ${instead}`);
      if (body["maxConcurrent"] === undefined) throw wrong("maxConcurrent", "is missing");
      const slots = numberIn(body, "maxConcurrent", { min: 0, max: MAX_SLOTS, usual: 0 });
      if (!Number.isInteger(slots)) throw wrong("maxConcurrent", "is not a whole number");
      const offers = await offersOf(request);
      const [offer, another] = offers;
      if (offer === undefined) throw new HttpFault(409, "no executor is connected whose slots could be set");
      if (another !== undefined) throw new HttpFault(409, setEachOf(offers));
      const { executorId, engine } = offer;
      await operators.setConcurrency(SetConcurrencyRequest.fromPartial({ executorId, engine, slots }), call);
      return { message: "Configuration updated", data: { maxConcurrent: slots } };
    },
  },
];

/** The predecessor had the fields below `config`. */
function configIn(body: V1Request["body"]): V1Request["body"] {
  const { config = body } = body;
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return { ...config };
  throw wrong("config", "is not an object");
}

/** What the predecessor had and CCSP has in another form. */
const NOT_HERE = {
  alertThreshold: "alerts have rules of their own, PUT /api/v2/alerts/rules/{name}",
  schedulerInterval: "executors get a task at once, and nothing is polled",
};

/** One answer names at most this many. */
const MOST_NAMED = 10;

/**
 * The number is not divided: an executor that comes later brings slots of its own, so the sum would not stay the number,
 * and a part for an engine that has no work would keep the others below it.
 */
function setEachOf(offers: Awaited<ReturnType<typeof offersOf>>): string {
  const named = offers.slice(0, MOST_NAMED).map(({ executorId, engine, slots }) => `${executorId} ${engine} ${slots}`);
  const more = offers.length > named.length ? ", …" : "";
  return `several executors or engines have slots of their own (${named.join(", ")}${more}): set each with PUT /api/v2/executors/{executorId}/concurrency {"engine": "…", "slots": …}`;
}

/** What each connected executor offers, one for each engine. */
async function offersOf({ operators, call }: V1Request) {
  const { executors } = await operators.getStatus({}, call);
  return executors.flatMap(({ executorId, engines }) =>
    engines.map(({ engine, slots }) => ({ executorId, engine, slots })),
  );
}

/** A word, or the weight itself. Undefined: that of the settings. */
function weightIn(body: Readonly<Record<string, unknown>>): number | undefined {
  const given = body["priority"];
  if (typeof given === "number" && Number.isInteger(given)) return given;
  const word = typeof given === "string" ? given.toLowerCase() : "";
  if (WEIGHTS.has(word)) return WEIGHTS.get(word);
  throw wrong(
    "priority",
    `must be one of ${[...WEIGHTS.keys()].join(", ")}, or a whole number of turns. To slow an agent down, give others more`,
  );
}
