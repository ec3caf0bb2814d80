import { categoryName } from "@ccsp/client/plain";
import type { TaskEvent, UsageSoFar } from "@ccsp/protos/ccsp/task/v1/task.js";
import { stateName } from "../output/task-words.js";
import { count, grouped, money, zonedTime } from "../output/words.js";

/** An entry of a task's log, on one line. */
export function entryLine({ sequence, time, attempt, event }: TaskEvent): string {
  const place = [String(sequence).padStart(4), zonedTime(time), `attempt ${attempt}`];
  return [...place, entryWords(event)].join("  ");
}

function entryWords(event: TaskEvent["event"]): string {
  switch (event?.$case) {
    case "stateChanged": {
      const { state, reason, error, readyTime } = event.value;
      const until = readyTime ? ` until ${zonedTime(readyTime)}` : "";
      return `${stateName(state)}${until}${because(reason || error?.message)}`;
    }
    case "taskEnded":
      return `${stateName(event.value.state)}${because(event.value.error?.message)}`;
    case "textDelta":
      return `text ${JSON.stringify(event.value.text)}`;
    case "textTakenBack":
      return `message ${event.value.message} is taken back`;
    case "toolUse":
      return `tool ${event.value.name}`;
    case "usageSoFar":
      return `usage so far: ${usageWords(event.value)}`;
    case "engineNotice":
      return `${categoryName(event.value.category)}${because(event.value.message)}`;
    case undefined:
    default:
      return "an entry of a kind that is newer than this command";
  }
}

function usageWords({ turns, toolUses, usage, costUsd }: UsageSoFar): string {
  const tokens = usage
    ? `${count(usage.inputTokens, "token")} in, ${grouped(usage.outputTokens)} out`
    : "tokens unknown";
  return [count(turns, "turn"), count(toolUses, "tool"), tokens, `cost ${money(costUsd)}`].join(", ");
}

const because = (why: string | undefined): string => (why ? `: ${why}` : "");
