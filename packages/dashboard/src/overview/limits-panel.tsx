import { number, share, time, usd } from "../format.js";
import { overviewWords } from "../i18n/overview.js";
import { wordOf } from "../i18n/states.js";
import { Awaited } from "../parts/awaited.js";
import { Empty, Panel } from "../parts/layout.js";
import { BandBar } from "../parts/marks.js";
import type { BudgetStanding, Forecast } from "../routes.js";
import type { Snapshots } from "../store.js";
import { budgetOutlook, elapsedShare, type LimitOutlook, windowOutlook } from "./limits.js";

/** How much of each window and budget is used, is expected, and when it runs out, with the error of the forecast. */
export function LimitsPanel({
  usage,
  onlyWindows = false,
}: {
  readonly usage: Snapshots["usage"] | undefined;
  /** For a page that has the budgets elsewhere. */
  readonly onlyWindows?: boolean;
}) {
  const word = overviewWords();
  const now = Date.now();
  if (!usage) {
    return (
      <Panel title={onlyWindows ? word.onlyWindows : word.limits}>
        <Awaited topic="usage" />
      </Panel>
    );
  }
  const { windows, forecast } = usage;
  const budgets = onlyWindows ? [] : usage.budgets;
  return (
    <Panel title={onlyWindows ? word.onlyWindows : word.limits} aside={!onlyWindows && <a href="/usage">{word.see}</a>}>
      {onlyWindows && windows.length === 0 && <p class="third">{word.noWindows}</p>}
      {!onlyWindows && windows.length + budgets.length === 0 && (
        <Empty title={word.noLimits} command="ccsp budget set ci-day --agent ci --usd 20" />
      )}
      {windows.map((window) => {
        const outlook = windowOutlook(window, now);
        return (
          <Limit
            key={`${outlook.name} ${outlook.window}`}
            outlook={outlook}
            name={`${outlook.name} · ${wordOf(word.windows, outlook.window)}`}
            value={<ShareUsed used={outlook.used} estimated={window.shareSource === "ESTIMATE"} />}
            forecast={forecast}
          />
        );
      })}
      {budgets.map((standing) => {
        const outlook = budgetOutlook(standing, now);
        return (
          <Limit
            key={outlook.name}
            outlook={outlook}
            name={word.budget(outlook.name)}
            value={<AmountUsed standing={standing} />}
            forecast={forecast}
            note={standing.unknownRuns > 0 ? word.unknownRuns(standing.unknownRuns) : undefined}
          />
        );
      })}
    </Panel>
  );
}

function Limit({
  outlook,
  name,
  value,
  forecast,
  note,
}: {
  readonly outlook: LimitOutlook;
  readonly name: string;
  readonly value: preact.ComponentChildren;
  readonly forecast: Forecast | undefined;
  readonly note?: string | undefined;
}) {
  const { used, expected, state, exhaustTime, endTime } = outlook;
  const future = futureOf(outlook);
  const tone = state === "used-up" ? "failed" : state === "near" ? "held" : "runs";
  return (
    <div class="limit">
      <div class="line">
        <span>{name}</span>
        <span>
          {value}
          {endTime && <span class="third"> · {overviewWords().resets(time(endTime))}</span>}
        </span>
      </div>
      <BandBar
        label={`${name}: ${used === undefined ? overviewWords().shareUnknown : share(used)}, ${future}`}
        used={used}
        expected={expected}
        mark={exhaustTime === undefined ? undefined : elapsedShare(outlook, Date.parse(exhaustTime))}
        tone={tone}
      />
      <div class="line third">
        {used !== undefined && <span>{future}</span>}
        {exhaustTime && <ForecastError forecast={forecast} />}
      </div>
      {note && <p class="third">{note}</p>}
    </div>
  );
}

/** When it runs out, or how much of it will be used. */
export function futureOf({
  state,
  used,
  expected,
  lasts,
  exhaustTime,
  earliestExhaustTime,
  endTime,
}: LimitOutlook): string {
  const word = overviewWords();
  if (state === "used-up") return word.usedUpNow(endTime ? time(endTime) : "?");
  if (exhaustTime && earliestExhaustTime) return word.runsOutBand(time(exhaustTime), time(earliestExhaustTime));
  if (exhaustTime) return word.runsOut(time(exhaustTime));
  if (used === undefined) return word.shareUnknown;
  if (expected === 1) return word.paceRunsOut;
  if (expected !== undefined) return word.lasts(share(expected));
  return lasts ? word.lastsByForecast : word.tooLittle;
}

function ForecastError({ forecast }: { readonly forecast: Forecast | undefined }) {
  const word = overviewWords();
  if (forecast?.state !== "KNOWN") return <span>{word.tooLittle}</span>;
  const { errors, model, horizon } = forecast;
  const own = errors.find((error) => error.model === model && error.horizon === horizon);
  return own?.relativeError === undefined ? null : <span>{word.error(model, share(own.relativeError))}</span>;
}

function ShareUsed({ used, estimated }: { readonly used: number | undefined; readonly estimated: boolean }) {
  const word = overviewWords();
  if (used === undefined) return <span class="third">{word.shareUnknown}</span>;
  return (
    <>
      <strong>{share(used)}</strong>
      {estimated && <span class="third"> {word.estimate}</span>}
    </>
  );
}

function AmountUsed({ standing: { budget, used } }: { readonly standing: BudgetStanding }) {
  const word = overviewWords();
  const limit = budget?.limit ?? 0;
  if (budget?.unit === "USD") return <strong>{word.of(usd(used), number(limit, 2))}</strong>;
  const unit = budget?.unit === "TOKENS" ? word.tokens : word.requests;
  return (
    <strong>
      {word.of(number(used), number(limit))} {unit}
    </strong>
  );
}
