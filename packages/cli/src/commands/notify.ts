import { type Notification, NotificationState } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { Command, Option } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { noticeIn } from "../input/notice-file.js";
import { someText, timeAhead, wholeNumber } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { count, zonedTime } from "../output/words.js";
import { CliError, EXIT, type ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { CHANNEL_COLUMNS, NOTIFY_COLUMNS, notificationState } from "../tables/notifications.js";

const STATES = {
  delivered: NotificationState.DELIVERED,
  waiting: NotificationState.WAITING,
  "given-up": NotificationState.DEAD,
} as const;

interface ListOptions extends ConnectionOptions {
  readonly state: keyof typeof STATES;
  readonly channel?: string;
  readonly event?: string;
  readonly limit: number;
}

export function notifyCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("notify").description(
    "show notifications and their channels, test a channel, and send again what was given up",
  );
  const subs = [listCommand, getCommand, retryCommand, channelsCommand, testCommand, previewCommand];
  for (const sub of subs) command.addCommand(sub(io, end));
  return command;
}

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list notifications, newest first: what channels have accepted, what waits, or what was given up")
    .addOption(
      new Option("--state <state>", "delivered, waiting or given-up").choices(Object.keys(STATES)).default("delivered"),
    )
    .option("--channel <name>", "only those to this channel", someText)
    .option("--event <type>", "only those of this type, such as task.failed", someText)
    .addOption(new Option("--limit <number>", "most entries to show").argParser(wholeNumber(1)).default(50))
    .addHelpText(
      "after",
      `
Needs the scope monitor:read.

Examples:
  ccsp notify list --event task.failed
  ccsp notify list --state given-up -o wide   # with the ids for "get" and "retry"`,
    )
    .action(async ({ state, channel = "", event: eventType = "", limit, ...options }: ListOptions) => {
      const query = { state: STATES[state], channel, eventType };
      await atGateway(io, options, (gateway) =>
        showList(io, options, {
          rows: allNotifications(gateway, query, limit),
          json: (row) => messageJson("ccsp.notification.v1.Notification", row),
          name: ({ id }) => id,
          columns: NOTIFY_COLUMNS,
          limit,
          empty:
            state === "delivered"
              ? "no notifications: ccsp notify channels shows where they go"
              : `nothing is ${state === "waiting" ? "waiting" : "given up"}`,
        }),
      );
    });
}

async function* allNotifications(
  gateway: Operator,
  query: { state: NotificationState; channel: string; eventType: string },
  limit: number,
): AsyncGenerator<Notification, void> {
  let pageToken = "";
  do {
    const request = { ...query, pageToken, pageSize: Math.min(500, limit + 1) };
    const { notifications, nextPageToken } = await gateway.listNotifications(request);
    yield* notifications;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

function getCommand(io: Io): Command {
  return withConnection(new Command("get"), FORMATS)
    .description("show a notification, and each attempt to deliver it with its cause")
    .argument("<notification>", "its id, as list -o wide or -o name shows it")
    .addHelpText("after", "\nNeeds the scope monitor:read.\n\nExample:\n  ccsp notify get 0:1764230000000-0")
    .action(async (id: string, options: ConnectionOptions) => {
      const found = await atGateway(io, options, (gateway) => gateway.getNotification({ id }));
      await showOne(io, options, {
        json: () => messageJson("ccsp.notification.v1.GetNotificationResponse", found),
        name: found.id,
        lines: () => {
          const { notice, summary, deliveries } = found;
          const facts = Object.entries({ ...notice?.subject, ...notice?.facts }).filter(([, value]) => value !== "");
          return [
            summary,
            `  ${notice?.kind} at ${zonedTime(notice?.time)}${notice?.dedupKey ? `, about ${notice.dedupKey}` : ""}`,
            ...facts.map(([name, value]) => `  ${name}: ${value}`),
            ...deliveries.flatMap(({ channel, state, attempts, newestAttempts, nextAttemptTime }) => [
              `${channel}: ${notificationState(state).toLowerCase()}, ${count(attempts, "attempt")}` +
                (nextAttemptTime ? `, next at ${zonedTime(nextAttemptTime)}` : ""),
              ...newestAttempts.map(({ time, cause }) => `  ${zonedTime(time)}  ${cause === "" ? "accepted" : cause}`),
            ]),
          ];
        },
      });
    });
}

function retryCommand(io: Io): Command {
  return withConnection(new Command("retry"), FORMATS)
    .description("send a notification again that was given up, or one that waits at once")
    .argument("[notification]", "its id; without it, all that its channel gave up")
    .option("--channel <name>", "only to this channel", someText)
    .addHelpText(
      "after",
      `
A channel that has accepted the notification does not get it again. Needs the
scope notify:manage.

Examples:
  ccsp notify retry 0:1764230000000-0
  ccsp notify retry --channel ops`,
    )
    .action(
      async (id: string | undefined, { channel, ...options }: ConnectionOptions & { readonly channel?: string }) => {
        if (id === undefined && channel === undefined) {
          throw new CliError(EXIT.usage, "name a notification, or a channel with --channel");
        }
        const request = { id: id ?? "", channel: channel ?? "" };
        const answer = await atGateway(io, options, (gateway) => gateway.retryNotification(request));
        await showOne(io, options, {
          json: () => messageJson("ccsp.notification.v1.RetryNotificationResponse", answer),
          lines: () => [`${count(answer.retried, "delivery is", "deliveries are")} tried again now`],
        });
      },
    );
}

function channelsCommand(io: Io): Command {
  return withConnection(new Command("channels"), FORMATS)
    .description("list the channels, with what waits for each and whether it works")
    .addHelpText("after", "\nNeeds the scope monitor:read.\n\nExample:\n  ccsp notify channels")
    .action(async (options: ConnectionOptions) => {
      const { channels } = await atGateway(io, options, (gateway) => gateway.listChannels({}));
      await showList(io, options, {
        rows: channels,
        json: (row) => messageJson("ccsp.notification.v1.Channel", row),
        name: ({ name }) => name,
        columns: CHANNEL_COLUMNS,
        empty: "no channels: CCSP_NOTIFICATION_CHANNELS names them",
      });
    });
}

function testCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("test"), FORMATS)
    .description("send a test message through one channel, and say what its target answered")
    .argument("<channel>", "its name, as channels shows it")
    .addHelpText(
      "after",
      "\nEnds with 1 when the channel does not work. Needs the scope notify:manage.\n\nExample:\n  ccsp notify test ops",
    )
    .action(async (channel: string, options: ConnectionOptions) => {
      const answer = await atGateway(io, options, (gateway) => gateway.testChannel({ channel }, { timeoutMs: 20_000 }));
      await showOne(io, options, {
        json: () => messageJson("ccsp.notification.v1.TestChannelResponse", answer),
        lines: () => [
          answer.accepted ? `${channel} has accepted the message` : `${channel} does not work: ${answer.cause}`,
        ],
      });
      end(answer.accepted ? EXIT.ok : EXIT.failed);
    });
}

interface PreviewOptions extends ConnectionOptions {
  readonly agent?: string;
  readonly at?: Date;
}

function previewCommand(io: Io): Command {
  return withConnection(new Command("preview"), FORMATS)
    .description("show which channels a notice would go to and why, and what they would say; nothing is sent")
    .argument("<path>", "a JSON file with the notice: kind, severity, subject, facts, labels")
    .option("--agent <id>", "the agent that it is about, for the rules", someText)
    .option("--at <time>", "when it would come, for the hours: 2026-01-31T09:00Z, or 2h for in two hours", timeAhead)
    .addHelpText(
      "after",
      `
The severity is info, warning or critical. Needs the scope monitor:read.

Example:
  echo '{"kind":"task.failed","severity":"warning","subject":{"task":"t-1",
    "agent":"ci","engine":"claude-code"},"facts":{"attempt":"3"}}' > notice.json
  ccsp notify preview notice.json --at 2026-01-31T23:00Z`,
    )
    .action(async (path: string, { agent: agentId = "", at: time, ...options }: PreviewOptions) => {
      const notice = await noticeIn(path);
      const answer = await atGateway(io, options, (gateway) => gateway.previewNotification({ notice, agentId, time }));
      await showOne(io, options, {
        json: () => messageJson("ccsp.notification.v1.PreviewNotificationResponse", answer),
        lines: () =>
          answer.previews.flatMap(({ channel, title, text, notBeforeTime, why }) => [
            `${channel}${notBeforeTime ? `, not before ${zonedTime(notBeforeTime)}` : ""}: ${title}`,
            ...(why === "" ? [] : [`  (${why})`]),
            ...text.split("\n").map((line) => `  ${line}`),
          ]),
      });
    });
}
