import type { ExecutorSummary } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import type { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { AgentLoad, Depth } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { scopeName } from "../options/gate-scope.js";
import { className } from "../options/priority.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, durationWords, grouped, localTime } from "../output/words.js";

const paused = ({ paused: is }: { readonly paused: boolean }): string => (is ? "paused" : "");

export const isBusy = ({ waiting, running, parked, paused: is }: Depth): boolean =>
  waiting + running + parked > 0n || is;

export const DEPTH_COLUMNS: readonly Column<Depth>[] = [
  { header: "ENGINE", value: ({ engine }) => engine, min: 8 },
  { header: "CLASS", value: ({ priority }) => className(priority) },
  { header: "WAITING", value: ({ waiting }) => grouped(waiting), align: "right" },
  {
    header: "OLDEST",
    value: ({ waiting, oldestAge }) => (waiting > 0n && oldestAge ? durationWords(durationMs(oldestAge)) : "-"),
    align: "right",
    drop: 2,
  },
  { header: "RUNNING", value: ({ running }) => grouped(running), align: "right" },
  { header: "FOR LATER", value: ({ parked }) => grouped(parked), align: "right", drop: 3 },
  { header: "STATE", value: paused, colour: stateColour, drop: 1 },
];

export const GATE_COLUMNS: readonly Column<Gate>[] = [
  { header: "PAUSED", value: ({ scope }) => scopeName(scope), min: 12 },
  {
    header: "UNTIL",
    value: ({ openTime, rampEndTime }) =>
      rampEndTime
        ? `opens gradually until ${localTime(rampEndTime)}`
        : openTime
          ? localTime(openTime)
          : "it is resumed",
    min: 19,
  },
  { header: "BY", value: ({ who }) => who, min: 6, drop: 1 },
  { header: "WHY", value: ({ why }) => why, min: 12 },
];

export const AGENT_COLUMNS: readonly Column<AgentLoad>[] = [
  { header: "AGENT", value: ({ agentId }) => agentId, min: 8 },
  { header: "WAITING", value: ({ waiting }) => grouped(waiting), align: "right" },
  { header: "RUNNING", value: ({ running }) => grouped(running), align: "right" },
  { header: "STATE", value: paused, colour: stateColour },
];

export const OFFER_COLUMNS: readonly Column<ExecutorSummary>[] = [
  { header: "EXECUTOR", value: ({ executorId }) => executorId, min: 8 },
  { header: "RUNNING", value: ({ leases }) => grouped(leases), align: "right" },
  {
    // Not the free ones: an executor says those when it asks for work, so they can be old beside RUNNING.
    header: "SLOTS",
    value: ({ engines }) => engines.map(({ engine, slots }) => `${engine} ${slots}`).join(", "),
    min: 12,
  },
  { header: "SEEN", value: ({ lastSyncTime }) => ageWords(lastSyncTime), align: "right", drop: 1 },
  { header: "STATE", value: ({ draining }) => (draining ? "draining" : ""), colour: stateColour },
];
