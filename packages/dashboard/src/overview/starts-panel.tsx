import { duration, milliseconds, share } from "../format.js";
import { overviewWords } from "../i18n/overview.js";
import { stateWords } from "../i18n/states.js";
import { TickBar } from "../parts/marks.js";
import type { Answer, QueueStatus } from "../routes.js";

type Slo = Answer<"GET /slos">["slos"][number];

const CLASSES = ["URGENT", "HIGH", "NORMAL", "LOW"] as const;
const HOUR_MS = 3_600_000;

/** How many tasks of each class started late in the last hour, against how many may. */
export function Starts({ slos, queue }: { readonly slos: readonly Slo[]; readonly queue: QueueStatus | undefined }) {
  const word = overviewWords();
  const rows = CLASSES.flatMap((priority) => {
    const slo = slos.find(({ name }) => name === `start-${priority.toLowerCase()}`);
    return slo ? [{ priority, ...lateness(slo), oldest: oldestOf(priority, queue) }] : [];
  });
  if (rows.every(({ late, oldest }) => late === undefined && oldest === undefined)) {
    return <p class="third">{word.noStarts}</p>;
  }
  return (
    <table class="data starts">
      <thead>
        <tr>
          <th scope="col">{word.class}</th>
          <th scope="col">{word.late}</th>
          <th scope="col">{word.allowed}</th>
          <th scope="col" class="bar" aria-hidden="true" />
          <th scope="col">{word.oldest}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ priority, late, allowed, oldest }) => (
          <tr key={priority}>
            <td>{stateWords().priority[priority]}</td>
            <td>{late === undefined ? <span class="third">–</span> : share(late)}</td>
            <td class="third">{share(allowed)}</td>
            <td class="bar">
              <TickBar
                label={word.lateLabel(
                  stateWords().priority[priority],
                  late === undefined ? "–" : share(late),
                  share(allowed),
                )}
                value={late}
                target={allowed}
              />
            </td>
            <td class="second">{oldest === undefined ? <span class="third">–</span> : duration(oldest)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A burn rate is the bad share divided by what the objective allows. */
export function lateness({ objective, burnRates }: Slo): {
  readonly late: number | undefined;
  readonly allowed: number;
} {
  const allowed = 1 - objective;
  const hour = burnRates.find(({ window }) => window !== undefined && milliseconds(window) === HOUR_MS);
  return { allowed, late: hour && hour.total > 0 ? hour.rate * allowed : undefined };
}

function oldestOf(priority: string, queue: QueueStatus | undefined): number | undefined {
  const ages = (queue?.depths ?? []).flatMap((depth) =>
    depth.priority === priority && depth.oldestAge !== undefined ? [milliseconds(depth.oldestAge)] : [],
  );
  return ages.length === 0 ? undefined : Math.max(...ages);
}
