import { EVENT_WORDS, type EventData } from "@ccsp/events";
import type { Firing, Resolution } from "./domain/judge.js";

export function firingEvent(
  rule: string,
  { id, severity, labels, value, summary, whatToDo, startMs, channels, alerts }: Firing,
): EventData {
  return {
    $case: "alertFiring",
    value: {
      alertId: id,
      rule,
      severity,
      severityEnum: EVENT_WORDS.severity[severity],
      labels: { ...labels },
      value,
      summary,
      whatToDo,
      startTime: new Date(startMs),
      channels: [...channels],
      alerts,
    },
  };
}

export function resolvedEvent(
  rule: string,
  { id, severity, labels, fireMs, summary, channels }: Resolution,
): EventData {
  return {
    $case: "alertResolved",
    value: {
      alertId: id,
      rule,
      severity,
      severityEnum: EVENT_WORDS.severity[severity],
      labels: { ...labels },
      startTime: new Date(fireMs),
      summary,
      channels: [...channels],
    },
  };
}
