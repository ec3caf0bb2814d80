import { invalidFields, Refusal } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { OpenChannel } from "../delivery/channel-worker.js";
import { tryChannel } from "../delivery/try-channel.js";
import type { Issues } from "../domain/channel.js";
import { queryOf } from "../domain/listing.js";
import type { ListQuery, NoticeStore } from "../domain/notice-store.js";
import { issueMissing, type WatchOptions, watchIssue } from "../issues/watch-issue.js";
import type { Intake } from "../routing/intake.js";
import { summaryOf } from "../text/render.js";
import {
  deliveredMessage,
  deliveryMessage,
  issueStateFrom,
  noticeFaults,
  noticeFrom,
  noticeMessage,
  stateOf,
  undeliveredMessage,
  watchedMessage,
} from "./messages.js";

export interface HandlerOptions extends Omit<WatchOptions, "issues"> {
  readonly store: NoticeStore;
  readonly intake: Intake;
  readonly channels: readonly OpenChannel[];
  readonly now: () => Date;
  /** Called when there is more to deliver. */
  readonly wake: () => void;
}

const MAX_URL = 2_048;

export function notificationHandlers(options: HandlerOptions): Handlers<typeof NotificationServiceService> {
  const { store, intake, channels, now, wake, changes } = options;
  const issues = new Map(
    channels.flatMap(({ name, channel }): [string, Issues][] => (channel.issues ? [[name, channel.issues]] : [])),
  );
  const channelNamed = (name: string): OpenChannel => {
    const found = channels.find((each) => each.name === name);
    if (found !== undefined) return found;
    const known = channels.map((each) => each.name).join(", ");
    throw new Refusal("CHANNEL_NOT_FOUND", `there is no channel named ${name}: the channels are ${known}`);
  };
  const retry = async (channel: string, id: string): Promise<number> => {
    const outcome = await store.retry(channel, id);
    if (outcome === "missing") throw notificationMissing(id);
    return outcome === "ok" ? 1 : 0;
  };

  return {
    listNotifications: async (request) => {
      const state = stateOf(request.state);
      const query = queryOf(store, request, state);
      const { notifications, next = "" } =
        state === "delivered" ? await deliveredPage(store, query) : await undeliveredPage(store, state, query);
      // A channel that was removed from the settings is unknown too, but its entries are still listed.
      if (query.channel !== "" && notifications.length === 0 && next === "") channelNamed(query.channel);
      return { notifications, nextPageToken: next };
    },

    getNotification: async ({ id }) => {
      const found = await store.find(id);
      if (found === undefined) throw notificationMissing(id);
      const { notice, deliveries } = found;
      const { taskId, agentId } = notice;
      const about = { id, taskId, agentId, summary: summaryOf(notice) };
      return { ...about, notice: noticeMessage(notice), deliveries: deliveries.map(deliveryMessage) };
    },

    retryNotification: async ({ id, channel }) => {
      if (id === "" && channel === "")
        throw invalidFields([{ field: "id", description: "must be set when there is no channel" }]);
      if (channel !== "") channelNamed(channel);
      let retried = 0;
      if (id === "") {
        // Page by page: all of them at once could be hundreds of MB.
        let after: string | undefined;
        do {
          const { entries, next } = await store.listUndelivered("dead", { size: 500, after, eventType: "", channel });
          for (const each of entries) retried += await retry(channel, each.notice.id);
          after = next;
        } while (after !== undefined);
      } else if (channel !== "") {
        retried = await retry(channel, id);
      } else {
        const found = await store.find(id);
        if (found === undefined) throw notificationMissing(id);
        for (const each of found.deliveries) retried += await retry(each.channel, id);
      }
      wake();
      return { retried };
    },

    listChannels: async () => {
      const states = await store.channelStates();
      return {
        channels: channels.map(({ name, type, channel: { target } }) => {
          const { waiting = 0, failures = 0, pausedUntil } = states.get(name) ?? {};
          return { name, type, target, waiting, failures, pausedUntilTime: pausedUntil };
        }),
      };
    },

    testChannel: async ({ channel, who }) => {
      const { cause, tookMs } = await tryChannel(channelNamed(channel), who, now);
      return { accepted: cause === "", cause, runTime: toDuration(tookMs) };
    },

    previewNotification: async ({ notice, agentId, time }) => {
      const faults = noticeFaults(notice, "notice");
      if (Number.isNaN(time?.getTime())) faults.push({ field: "time", description: "is not a time" });
      if (notice === undefined || faults.length > 0) throw invalidFields(faults);
      const made = { ...noticeFrom(notice, false, now()), ...(agentId !== "" && { agentId }) };
      return {
        previews: intake.routes(made, time).map(({ channel, notBefore, why }) => {
          const { title, body: text } = channelNamed(channel).render(made, 0, "text");
          return { channel, title, text, notBeforeTime: notBefore, why };
        }),
      };
    },

    notify: async ({ notice, openIssue }) => {
      const faults = noticeFaults(notice, "notice");
      if (notice === undefined || faults.length > 0) throw invalidFields(faults);
      const made = noticeFrom(notice, openIssue, now());
      await intake.accept(made);
      return { noticeId: made.id };
    },

    watchIssue: async function* ({ dedupKey }, { signal }) {
      for await (const watched of watchIssue(dedupKey, { ...options, issues }, signal)) yield watchedMessage(watched);
    },

    issueChanged: async ({ url }) => {
      if (url === "" || url.length > MAX_URL)
        throw invalidFields([{ field: "url", description: `must be 1 to ${MAX_URL} characters` }]);
      await changes.tell(url);
      return {};
    },

    updateIssue: async ({ dedupKey, updateId, comment, state }) => {
      const issueState = issueStateFrom(state, "state");
      const written = comment && { ...comment, dedupKey };
      const faults = noticeFaults(written, "comment");
      if (!/^.{1,128}$/s.test(updateId)) {
        faults.push({ field: "update_id", description: "must be 1 to 128 characters" });
      }
      if (written === undefined || faults.length > 0) throw invalidFields(faults);
      const incident = await store.incident(dedupKey);
      if (incident === undefined || !incident.issue) throw issueMissing(dedupKey);
      const made = noticeFrom(written, false, now(), `update:${dedupKey}:${updateId}`);
      // A comment does not begin the incident: that would count as a repeat.
      const action = made.action === "resolves" ? made.action : "updates";
      await intake.accept({ ...made, action, issueState });
      return {};
    },
  };
}

async function deliveredPage(store: NoticeStore, query: ListQuery) {
  const { entries, next } = await store.listDelivered(query);
  return { notifications: entries.map(deliveredMessage), next };
}

async function undeliveredPage(store: NoticeStore, state: "waiting" | "dead", query: ListQuery) {
  const { entries, next } = await store.listUndelivered(state, query);
  return { notifications: entries.map(undeliveredMessage), next };
}

const notificationMissing = (id: string): Refusal =>
  new Refusal("NOTIFICATION_NOT_FOUND", `there is no notification ${id}, or it was forgotten`);
