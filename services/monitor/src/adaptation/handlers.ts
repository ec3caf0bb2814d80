import type { Handlers } from "@ccsp/grpc-kit";
import {
  type AdaptationDecision,
  AdaptationMode,
  type Adapted as AdaptedMessage,
} from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { Adaptation, Mode } from "./adaptation.js";
import type { Adapted, MadeDecision } from "./stored.js";

const MODES: Readonly<Record<Mode, AdaptationMode>> = wordsOf(AdaptationMode);

export const adaptationHandlers = (
  adaptation: Adaptation,
): Pick<Handlers<typeof MonitorServiceService>, "getAdaptation"> => ({
  getAdaptation: async () => ({
    mode: MODES[adaptation.mode],
    adapted: (await adaptation.list()).map(({ name, value }) => toMessage(name, value)),
  }),
});

function toMessage(subject: string, { slowed, weight, decisions }: Adapted): AdaptedMessage {
  const [newest] = decisions;
  const changed = slowed !== undefined || weight !== undefined || newest?.what === "concurrency";
  return { subject, inForce: changed && newest ? toDecision(newest) : undefined, decisions: decisions.map(toDecision) };
}

const toDecision = ({ what, before, after, reason, timeMs, dryRun }: MadeDecision): AdaptationDecision => ({
  what,
  before,
  after,
  reason,
  time: new Date(timeMs),
  dryRun,
});
