import { categoryName, type TaskEvent } from "@ccsp/client";
import { stateName } from "./describe.js";
import { localTime } from "./words.js";

/** An entry of a task's log, on one line. */
export function entryLine({ sequence, time, attempt, event }: TaskEvent): string {
  const place = [String(sequence).padStart(4), localTime(time, { zone: true }), `attempt ${attempt}`];
  return [...place, entryWords(event)].join("  ");
}

function entryWords(event: TaskEvent["event"]): string {
  switch (event?.$case) {
    case "stateChanged": {
      const { state, reason, error, readyTime } = event.value;
      const until = readyTime ? ` until ${localTime(readyTime, { zone: true })}` : "";
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
    case "engineNotice":
      return `${categoryName(event.value.category)}${because(event.value.message)}`;
    case undefined:
    default:
      return "an entry of a kind that is newer than this command";
  }
}

const because = (why: string | undefined): string => (why ? `: ${why}` : "");
