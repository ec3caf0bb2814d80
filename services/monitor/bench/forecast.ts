// `make bench-forecast`: forecasts three shapes of usage at each 20 minutes of their last week, with what was known
// then, and compares with what then happened. The figures are the same in each run. docs/benchmarks.md says what they
// mean.
import { type Forecast, forecast } from "../src/forecast/domain/forecast.js";
import { STEPS_PER_HOUR } from "../src/forecast/domain/history.js";
import { MODELS, totalOf } from "../src/forecast/domain/models.js";
import { historyAt, SHAPES, type ShapeName, tokensOf } from "../test/shapes.js";

const DAYS = 21;
const EVERY = 4;
const names = Object.keys(SHAPES).filter((name): name is ShapeName => name in SHAPES);

for (const name of names) {
  const steps = tokensOf(name, DAYS, 7);
  for (const [horizon, ahead] of [
    ["5m", 1],
    ["1h", STEPS_PER_HOUR],
    ["6h", 6 * STEPS_PER_HOUR],
  ] as const) {
    let [ours, last, used, within, all] = [0, 0, 0, 0, 0];
    const models = new Map<string, number>();
    for (let seen = 14 * 24 * STEPS_PER_HOUR; seen + ahead <= steps.length; seen += EVERY) {
      const history = historyAt(steps, seen);
      const found = forecast(history, ahead);
      if (found.state !== "known") throw new Error(found.reason);
      const actual = steps.slice(seen, seen + ahead).reduce((sum, each) => sum + each, 0);
      const naive = MODELS["last-rate"]({ history, seen: history.steps.length }, ahead);
      ours += Math.abs(actual - found.expected);
      last += Math.abs(actual - (naive ? totalOf(naive, ahead) : 0));
      used += actual;
      within += isWithin(found, actual) ? 1 : 0;
      all += 1;
      models.set(found.model, (models.get(found.model) ?? 0) + 1);
    }
    const share = [...models].map(([model, count]) => `${model} ${Math.round((count * 100) / all)} %`).join(", ");
    console.log(
      `${name} ${horizon}: error ${percent(ours / used)} of usage, last value's ${percent(last / used)}; ` +
        `${percent(within / all)} within the band; ${share}`,
    );
    console.log(`ratio forecast_error_vs_last_value_${name}_${horizon} ${(ours / last).toFixed(2)}`);
  }
}

function isWithin({ low, high }: Forecast, actual: number): boolean {
  return actual >= low && actual <= high;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
