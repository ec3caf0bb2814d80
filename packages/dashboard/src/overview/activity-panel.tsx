import { useEffect, useState } from "preact/hooks";
import { call, outcome } from "../api.js";
import { overviewWords } from "../i18n/overview.js";
import { AreaChart } from "../parts/area-chart.js";
import { Panel } from "../parts/layout.js";
import type { Task } from "../routes.js";
import { activityOf } from "./activity.js";

const PAGE_SIZE = 500;
/** More would make the browser and the queue work for a picture. */
const MOST_PAGES = 4;
const REFRESH_MS = 60_000;

/** How many ran, waited and were held back in the last hour. */
export function ActivityPanel() {
  const word = overviewWords();
  const tasks = useRecentTasks();
  const activity = activityOf(tasks ?? [], Date.now());
  return (
    <Panel title={word.activity}>
      <AreaChart
        label={word.activity}
        times={activity.times}
        series={[
          { label: word.running, tone: "runs", values: activity.running },
          { label: word.waitingSeries, tone: "waits", values: activity.waiting },
          { label: word.heldBack, tone: "held", values: activity.heldBack },
        ]}
      />
      {tasks?.length === PAGE_SIZE * MOST_PAGES && <p class="third small">{word.newest(tasks.length)}</p>}
    </Panel>
  );
}

/** The tasks that were made in the last two hours, read again every minute. */
function useRecentTasks(): readonly Task[] | undefined {
  const [tasks, setTasks] = useState<readonly Task[] | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const { answer } = await outcome(recentTasks(stop.signal));
      if (answer && !stop.signal.aborted) setTasks(answer);
    };
    void read();
    const timer = setInterval(() => document.visibilityState === "visible" && void read(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, []);
  return tasks;
}

async function recentTasks(signal: AbortSignal): Promise<readonly Task[]> {
  const createdAfter = new Date(Date.now() - 2 * 3_600_000).toISOString();
  const tasks: Task[] = [];
  let pageToken = "";
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { pageSize: PAGE_SIZE, pageToken, "filter.createdAfter": createdAfter };
    const answer = await call("GET /tasks", { query }, signal);
    tasks.push(...answer.tasks);
    pageToken = answer.nextPageToken;
    if (pageToken === "") break;
  }
  return tasks;
}
