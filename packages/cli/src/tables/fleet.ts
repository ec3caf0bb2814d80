import type { ExecutorEngine, Instance } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, durationWords, percent } from "../output/words.js";

export const INSTANCE_COLUMNS: readonly Column<Instance>[] = [
  { header: "SERVICE", value: ({ report }) => report?.service ?? "" },
  { header: "INSTANCE", value: ({ report }) => report?.instance ?? "", min: 10, wanted: 14 },
  { header: "HEALTH", value: ({ health }) => health, colour: stateColour },
  { header: "VERSION", value: ({ report }) => report?.version ?? "", min: 7, drop: 2 },
  { header: "UPTIME", value: ({ report }) => durationWords(durationMs(report?.uptime)), align: "right", drop: 1 },
  // In percent of one CPU, as `top` shows it.
  { header: "CPU", value: ({ report }) => percent(report?.resources?.processCpus), align: "right" },
  { header: "MEMORY", value: ({ report }) => mebibytes(report?.resources?.memoryBytes), align: "right" },
  { header: "RUNS", value: runsWords, align: "right", drop: 3 },
  { header: "SEEN", value: ({ reportTime }) => ageWords(reportTime), align: "right", drop: 4 },
  { header: "HOST CPU", value: ({ report }) => percent(report?.resources?.hostCpuShare), align: "right", only: "wide" },
  {
    header: "HOST MEMORY",
    value: ({ report }) => percent(report?.resources?.memoryShare),
    align: "right",
    only: "wide",
  },
  {
    header: "DISK FREE",
    value: ({ report }) => percent(report?.resources?.diskFreeShare),
    align: "right",
    only: "wide",
  },
  { header: "STREAMS", value: ({ report }) => String(report?.openStreams ?? 0), align: "right", only: "wide" },
  { header: "WHY", value: ({ why }) => why, min: 12, only: "wide" },
];

/** One line for each instance that is not well. */
export const healthLines = (instances: readonly Instance[]): string[] =>
  instances.flatMap(({ report, health, why }) =>
    health === "ok" || report === undefined ? [] : [`${report.service} ${report.instance} is ${health}: ${why}`],
  );

const mebibytes = (bytes: bigint | undefined): string =>
  bytes === undefined ? "-" : `${Math.round(Number(bytes) / 1024 ** 2)} MiB`;

function runsWords({ report }: Instance): string {
  if (report?.executor === undefined) return "";
  const sum = (of: (engine: ExecutorEngine) => number): number =>
    report.executor?.engines.reduce((all, each) => all + of(each), 0) ?? 0;
  return `${sum(({ running }) => running)}/${sum(({ slots }) => slots)}`;
}
