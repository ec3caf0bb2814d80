import { useAnswer } from "../answer.js";
import { type ApiError, call } from "../api.js";
import { duration, milliseconds, number, time } from "../format.js";
import { notificationWords } from "../i18n/notifications.js";
import { serverText } from "../i18n/server-texts.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
import { titleWithout } from "../parts/awaited.js";
import { Choice } from "../parts/choice.js";
import { Failure } from "../parts/failure.js";
import { Empty, PageHead, Panel } from "../parts/layout.js";
import { usePages } from "../parts/pages-of.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { State, Time, type Tone } from "../parts/text.js";
import { act } from "../parts/toast.js";
import { parameter } from "../router.js";
import type { Answer } from "../routes.js";

type Notification = Answer<"GET /notifications">["notifications"][number];
type Channel = Answer<"GET /channels">["channels"][number];

const REFRESH_MS = 10_000;
const PAGE = 100;
const STATES = ["WAITING", "DELIVERED", "DEAD"] as const;

/** Which notices were sent over which channel, and which did not arrive. */
export default function NotificationsPage() {
  const word = notificationWords();
  const channels = useAnswer("GET /channels", {}, { everyMs: REFRESH_MS });
  const state = STATES.find((name) => name === parameter("state"));
  const told = usePages(
    state ?? "",
    async (pageToken, signal) => {
      const query = { pageSize: PAGE, pageToken, state };
      const { notifications, nextPageToken } = await call("GET /notifications", { query }, signal);
      return { rows: notifications, nextPageToken };
    },
    keyOf,
  );
  return (
    <>
      <PageHead
        {...headOf(channels.data?.channels, told.loaded ? told.rows : undefined, channels.error ?? told.error)}
      />
      {channels.error && <Failure error={channels.error} onRetry={channels.reload} />}
      {channels.data !== undefined && channels.data.channels.length > 0 && (
        <Panel title={word.channels}>
          <Channels channels={channels.data.channels} />
        </Panel>
      )}
      <Panel
        title={word.newest}
        aside={
          <Choice
            label={word.state}
            parameter="state"
            chosen={state ?? ""}
            choices={[{ name: "", word: word.all }, ...STATES.map((name) => ({ name, word: word.states[name] }))]}
          />
        }
      >
        {told.error && <Failure error={told.error} onRetry={told.refresh} />}
        {told.loaded && told.rows.length === 0 && <Empty title={word.teach} command="ccsp notify test log" />}
        {told.rows.length > 0 && <Told notifications={told.rows} onEnd={told.more} onChange={told.refresh} />}
      </Panel>
    </>
  );
}

/** A notification is one row for each channel. */
const keyOf = ({ id, channel }: Notification): string => `${id} ${channel}`;

function headOf(
  channels: readonly Channel[] | undefined,
  told: readonly Notification[] | undefined,
  error: ApiError | undefined,
): { readonly title: string; readonly lead?: string } {
  const word = notificationWords();
  if (!channels || !told) return { title: titleWithout("notifications", error) };
  if (channels.length === 0) return { title: word.noChannels };
  const dead = told.filter(({ state }) => state === "DEAD").length;
  if (dead > 0) return { title: word.dead(dead), lead: word.deadLead };
  const waiting = channels.reduce((sum, channel) => sum + channel.waiting, 0);
  if (waiting > 0) return { title: word.waiting(waiting) };
  return { title: told.length === 0 ? word.none : word.fine };
}

function Channels({ channels }: { readonly channels: readonly Channel[] }) {
  const word = notificationWords();
  useActs(
    channels.map(({ name }) => ({ name: `${name}: ${word.test}`, scope: "notify:manage", run: () => void test(name) })),
  );
  return (
    <DataTable
      label={word.channels}
      rows={channels}
      rowKey={({ name }) => name}
      columns={[
        { name: word.channel, cell: ({ name }) => name },
        { name: word.kind, cell: ({ type }) => type, wide: true },
        { name: word.target, cell: ({ target }) => <code>{target}</code>, wide: true },
        { name: word.waits, cell: ({ waiting }) => number(waiting), number: true },
        { name: word.state, cell: (channel) => <ChannelState channel={channel} /> },
        {
          name: "",
          cell: ({ name }) => (
            <ActButton scope="notify:manage" look="plain" onAct={() => void test(name)}>
              {word.test}
            </ActButton>
          ),
        },
      ]}
    />
  );
}

function ChannelState({ channel: { failures, pausedUntilTime } }: { readonly channel: Channel }) {
  const word = notificationWords();
  if (pausedUntilTime) return <State tone="held">{word.paused(time(pausedUntilTime))}</State>;
  if (failures > 0) return <State tone="failed">{word.failures(failures)}</State>;
  return <State tone="within">{word.works}</State>;
}

async function test(channel: string): Promise<void> {
  const word = notificationWords();
  await act(async () => {
    const { accepted, cause, runTime } = await call("POST /channels/{channel}/test", { path: { channel } });
    if (!accepted) return word.testFailed(channel, cause);
    return word.tested(channel, runTime ? duration(milliseconds(runTime)) : "–");
  });
}

const TONES: Readonly<Record<string, Tone>> = { WAITING: "waits", DELIVERED: "within", DEAD: "failed" };

function Told({
  notifications,
  onEnd,
  onChange,
}: {
  readonly notifications: readonly Notification[];
  readonly onEnd: () => void;
  readonly onChange: () => void;
}) {
  const word = notificationWords();
  const retry = async ({ id, channel }: Notification) => {
    await act(async () => {
      const { retried } = await call("POST /notifications/{id}/retry", { path: { id }, body: { channel } });
      return word.retried(retried);
    });
    onChange();
  };
  return (
    <DataTable
      label={word.newest}
      rows={notifications}
      rowKey={keyOf}
      onEnd={onEnd}
      columns={[
        { name: word.when, cell: ({ eventTime }) => eventTime && <Time at={eventTime} /> },
        { name: word.what, cell: (each) => <What notification={each} /> },
        { name: word.channel, cell: ({ channel }) => channel, wide: true },
        {
          name: word.state,
          cell: ({ state }) => <State tone={TONES[state] ?? "none"}>{wordOf(word.states, state)}</State>,
        },
        {
          name: "",
          cell: (each) =>
            each.state === "DEAD" && (
              <ActButton scope="notify:manage" look="plain" onAct={() => void retry(each)}>
                {word.retry}
              </ActButton>
            ),
        },
      ]}
    />
  );
}

function What({ notification }: { readonly notification: Notification }) {
  const word = notificationWords();
  const { summary, eventType, cause, attempts, nextAttemptTime, taskId, state } = notification;
  const told = serverText(summary);
  return (
    <div class="told">
      {taskId === "" ? told : <a href={`/tasks/${encodeURIComponent(taskId)}`}>{told}</a>}
      <p class="third small">
        <code>{eventType}</code> {attempts > 1 && word.attempts(attempts)}
        {state === "WAITING" && nextAttemptTime && ` · ${word.next(time(nextAttemptTime))}`}
      </p>
      {cause !== "" && state !== "DELIVERED" && <p class="small">{cause}</p>}
    </div>
  );
}
