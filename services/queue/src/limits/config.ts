import type { Settings } from "@ccsp/config";
import type { LimitRanges, Range } from "./limit.js";

/** Reads the operator's range of the limits that are set while the queue runs. */
export const defineLimits = (settings: Settings): LimitRanges => ({
  weights: readRange(settings, "CCSP_QUEUE_LIMIT_WEIGHTS", {
    doc: "least and greatest weight that can be set while the queue runs (`ccsp limits`), from 1 to 9999",
    default: "1-9999",
    whole: true,
    least: 1,
    most: 9999,
  }),
  starts: readRange(settings, "CCSP_QUEUE_LIMIT_STARTS", {
    doc: "least and most starts a minute of a rate that is set while the queue runs, by a person or by the monitor; without a second number there is no bound",
    default: "0.01-",
    least: 0.0001,
    most: Number.POSITIVE_INFINITY,
  }),
  tokens: readRange(settings, "CCSP_QUEUE_LIMIT_TOKENS", {
    doc: "least and most tokens a minute of a rate that is set while the queue runs; without a second number there is no bound",
    default: "1-",
    least: 0.0001,
    most: Number.POSITIVE_INFINITY,
  }),
});

function readRange(
  settings: Settings,
  name: string,
  bounds: { doc: string; default: string; whole?: true; least: number; most: number },
): Range {
  const number = bounds.whole ? "[0-9]{1,9}" : "[0-9]{1,12}(\\.[0-9]{1,6})?";
  const text = settings.text(name, bounds.doc, {
    default: bounds.default,
    pattern: new RegExp(`^${number}-(${number})?$`),
    form: "two numbers with - between them",
  });
  const [min = "", max = ""] = text.split("-");
  const range = { min: Number(min), max: max === "" ? bounds.most : Number(max) };
  if (range.min < bounds.least || range.max > bounds.most || range.min > range.max) {
    settings.fault(`${name}: the first number must be at least ${bounds.least} and not above the second`);
  }
  return range;
}
