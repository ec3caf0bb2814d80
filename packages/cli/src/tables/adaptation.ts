import type { AdaptationDecision, Adapted } from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import type { Column } from "../output/table.js";
import { ageWords } from "../output/words.js";

export interface AdaptationRow {
  readonly subject: string;
  readonly decision: AdaptationDecision;
  readonly inForce: boolean;
}

/** The newest decision of each subject, or all that are known. */
export const adaptationRows = (adapted: readonly Adapted[], all: boolean): AdaptationRow[] =>
  adapted.flatMap(({ subject, inForce, decisions }) =>
    decisions
      .slice(0, all ? decisions.length : 1)
      .map((decision, i) => ({ subject, decision, inForce: i === 0 && inForce !== undefined && !decision.dryRun })),
  );

function changeWords({ what, before, after }: AdaptationDecision): string {
  if (what === "gate") return after === 1 ? "closed" : "open";
  const unit = what === "rate" ? "/min" : "";
  const value = (amount: number | undefined): string =>
    amount === undefined ? "setting" : `${Number(amount.toPrecision(3))}${unit}`;
  return `${value(before)} to ${value(after)}`;
}

const stateOf = ({ inForce, decision }: AdaptationRow): string =>
  decision.dryRun ? "dry run" : inForce ? "in force" : "over";

export const ADAPTATION_COLUMNS: readonly Column<AdaptationRow>[] = [
  { header: "SUBJECT", value: ({ subject }) => subject, min: 16 },
  { header: "WHAT", value: ({ decision }) => decision.what },
  { header: "CHANGE", value: ({ decision }) => changeWords(decision) },
  { header: "STATE", value: stateOf, drop: 2 },
  { header: "AGE", value: ({ decision }) => ageWords(decision.time), align: "right", drop: 1 },
  { header: "WHY", value: ({ decision }) => decision.reason, min: 20 },
];
