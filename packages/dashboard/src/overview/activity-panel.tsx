import { useAnswer } from "../answer.js";
import { overviewWords } from "../i18n/overview.js";
import { AreaChart } from "../parts/area-chart.js";
import { Failure } from "../parts/failure.js";
import { Panel } from "../parts/layout.js";
import type { QueueStatus } from "../routes.js";
import { activityOf } from "./activity.js";

const REFRESH_MS = 60_000;

/** How many ran, waited and were held back in the last hour. */
export function ActivityPanel({ queue }: { readonly queue: QueueStatus | undefined }) {
  const word = overviewWords();
  const { data, error, reload } = useAnswer("GET /queue/history", {}, { everyMs: REFRESH_MS });
  const activity = activityOf(data?.minutes ?? [], queue, Date.now());
  return (
    <Panel title={word.activity}>
      {error && <Failure error={error} onRetry={reload} />}
      <AreaChart
        label={word.activity}
        times={activity.times}
        series={[
          { label: word.running, tone: "runs", values: activity.running },
          { label: word.waitingSeries, tone: "waits", values: activity.waiting },
          { label: word.heldBack, tone: "held", values: activity.heldBack },
        ]}
      />
    </Panel>
  );
}
