import type { Settings } from "@ccsp/config";
import { AGENT_ID } from "@ccsp/identity";
import { classWeights, type Order, type Rate } from "./domain/order/order.js";
import { labelName } from "./domain/task/labels.js";

const WEIGHT = /^[1-9][0-9]{0,3}$/;
/** The pattern of an agent's id. Engine names follow it too. */
const NAME = AGENT_ID.source.slice(1, -1);

/**
 * Reads how agents, classes and labels share the engines: the CCSP_QUEUE_… settings of classes, agents, labels and
 * rates.
 */
export function defineOrder(settings: Settings): Order {
  const urgentMax = settings.integer(
    "CCSP_QUEUE_URGENT_MAX",
    "most running urgent tasks of an engine that overtake others; above it urgent tasks take turns; 0: any number",
    { default: 1, min: 0 },
  );
  const weights = settings.list("CCSP_QUEUE_WEIGHTS", "weights by which high, normal and low share an engine", {
    default: ["16", "4", "1"],
    pattern: WEIGHT,
    form: "three whole numbers from 1 to 9999, with commas between them",
  });
  if (weights.length !== 3) settings.fault("CCSP_QUEUE_WEIGHTS must be three numbers: of high, normal and low");
  const [high = 1, normal = 1, low = 1] = weights.map(Number);
  const agentMaxRunning = settings.integer(
    "CCSP_QUEUE_AGENT_MAX_RUNNING",
    "most tasks of an agent that run at the same time; 0: any number",
    { default: 0, min: 0 },
  );
  const agentWeights = settings.list("CCSP_QUEUE_AGENT_WEIGHTS", "agents that get more turns, as agent=weight", {
    default: [],
    pattern: new RegExp(`^${NAME}=[1-9][0-9]{0,3}$`),
    form: "agent=weight, with commas between several; a weight is from 1 to 9999",
  });
  const labelMaxRunning = settings.list(
    "CCSP_QUEUE_LABEL_MAX_RUNNING",
    "most tasks of a label that run at the same time: key=max for each value of the key, key=value=max for one",
    {
      default: [],
      pattern: /^[a-z0-9._/-]{1,63}=([^=,]{1,256}=)?[1-9][0-9]{0,5}$/,
      form: "key=max or key=value=max, with commas between several",
    },
  );
  const rates = (name: string, whose: string, pattern = NAME): Order["engineRates"] =>
    Object.fromEntries(
      settings
        .list(
          name,
          `most starts and tokens a minute of ${whose}, as name=starts/tokens; 0: any number; the name * stands for each that is not named`,
          {
            default: [],
            pattern: new RegExp(`^(\\*|${pattern})=[0-9]{1,9}/[0-9]{1,12}$`),
            form: "name=starts/tokens, with commas between several",
          },
        )
        .map((each) => readRate(each)),
    );
  return {
    urgentMax,
    weights: classWeights(high, normal, low),
    agentMaxRunning,
    agentWeights: Object.fromEntries(agentWeights.map(readNumber)),
    labelMaxRunning: Object.fromEntries(
      labelMaxRunning.map(readNumber).map(([label, max]) => [nameOfLabel(label), max]),
    ),
    engineRates: rates("CCSP_QUEUE_ENGINE_RATES", "engines"),
    accountRates: rates("CCSP_QUEUE_ACCOUNT_RATES", "logins, each named ENGINE/ACCOUNT", `${NAME}/(${NAME})?`),
    agentRates: rates("CCSP_QUEUE_AGENT_RATES", "agents"),
  };
}

/** Reads `name=number`. The name may contain a "=" too. */
function readNumber(entry: string): [name: string, number: number] {
  const at = entry.lastIndexOf("=");
  return [entry.slice(0, at), Number(entry.slice(at + 1))];
}

function readRate(entry: string): [name: string, rate: Rate] {
  const at = entry.lastIndexOf("=");
  const [name, numbers] = [entry.slice(0, at), entry.slice(at + 1)];
  const [requests = 0, tokens = 0] = numbers.split("/").map(Number);
  return [name, [requests, tokens]];
}

/** The name of a label that is written as `key=value`, or of all labels of a key that is written alone. */
function nameOfLabel(label: string): string {
  const [key = "", value] = label.split("=");
  return labelName(key, value);
}
