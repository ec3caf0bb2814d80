import {
  type Channel,
  type Notification,
  NotificationState,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { grouped, localTime, zonedTime } from "../output/words.js";

/** The word of a state. What release 0.2.0 stored has no state: it was delivered. */
export function notificationState(state: NotificationState): string {
  if (state === NotificationState.WAITING) return "WAITING";
  return state === NotificationState.DEAD ? "GIVEN UP" : "DELIVERED";
}

export const NOTIFY_COLUMNS: readonly Column<Notification>[] = [
  { header: "TIME", value: ({ eventTime }) => localTime(eventTime) },
  { header: "CHANNEL", value: ({ channel }) => channel, min: 6 },
  { header: "STATE", value: ({ state }) => notificationState(state), colour: stateColour, drop: 2 },
  { header: "NOTIFICATION", value: ({ summary }) => summary, min: 20 },
  { header: "CAUSE", value: ({ cause }) => cause, min: 12, drop: 1 },
  { header: "TRIES", value: ({ attempts }) => (attempts === 0 ? "" : grouped(attempts)), align: "right", only: "wide" },
  { header: "NEXT", value: ({ nextAttemptTime }) => (nextAttemptTime ? localTime(nextAttemptTime) : ""), only: "wide" },
  { header: "ID", value: ({ id }) => id, only: "wide" },
];

function channelState({ failures, pausedUntilTime }: Channel): string {
  if (pausedUntilTime) return `paused until ${zonedTime(pausedUntilTime)}`;
  return failures > 0 ? `failing (${failures})` : "ok";
}

export const CHANNEL_COLUMNS: readonly Column<Channel>[] = [
  { header: "CHANNEL", value: ({ name }) => name },
  { header: "KIND", value: ({ type }) => type },
  { header: "WAITING", value: ({ waiting }) => grouped(waiting), align: "right" },
  { header: "STATE", value: channelState, min: 8 },
  { header: "TARGET", value: ({ target }) => target, min: 10, drop: 1 },
];
