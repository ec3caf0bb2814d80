import { useAnswer } from "../answer.js";
import { share } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { usageWords } from "../i18n/usage.js";
import { Failure } from "../parts/failure.js";
import { Panel } from "../parts/layout.js";
import { BandBar } from "../parts/marks.js";
import type { Forecast } from "../routes.js";
import { formatted, type Measure } from "./amounts.js";

const METRICS = { cost: "COST", tokens: "TOKENS", runs: "REQUESTS" } as const;
const REFRESH_MS = 60_000;

/** What the next hour is expected to use, with the band and the error that the forecast had lately. */
export function ForecastPanel({ measure }: { readonly measure: Measure }) {
  const word = usageWords();
  const query = { metric: METRICS[measure], horizon: "3600s" };
  const { data, error, reload } = useAnswer("GET /usage/forecast", { query }, { everyMs: REFRESH_MS });
  return (
    <Panel title={word.forecast}>
      {error && <Failure error={error} onRetry={reload} />}
      {!data && !error && <p class="third">{shellWords().loading}</p>}
      {data?.forecast && <Shown forecast={data.forecast} measure={measure} />}
    </Panel>
  );
}

function Shown({ forecast, measure }: { readonly forecast: Forecast; readonly measure: Measure }) {
  const word = usageWords();
  if (forecast.state !== "KNOWN") return <p class="third">{word.tooLittle(forecast.reason)}</p>;
  const { expected, low, high, model, horizon, errors } = forecast;
  const own = errors.find((error) => error.model === model && error.horizon === horizon)?.relativeError;
  const amount = (value: number) => formatted(value, measure);
  const sentence = word.expected(amount(expected), amount(low), amount(high));
  const scale = high || 1;
  return (
    <>
      <p>{sentence}</p>
      <BandBar label={sentence} used={low / scale} expected={1} mark={expected / scale} />
      <p class="third">{own === undefined ? word.noError(model) : word.error(model, share(own))}</p>
    </>
  );
}
