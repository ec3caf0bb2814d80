import { invalidFields } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { readStop } from "../application/read-emergency.js";
import { readPause, readResume } from "../application/read-gates.js";
import { readHolds } from "../application/read-holds.js";
import type { StatusFeed } from "../application/status-feed.js";
import type { EmergencyStop } from "../domain/emergency/emergency-stop.js";
import { setBudgetHolds } from "../domain/gates/budget-holds.js";
import type { Gates } from "../domain/gates/gate-keeper.js";
import type { GateStore } from "../domain/gates/gate-store.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import { MOST_MINUTES, type StatusStore } from "../domain/status/status-store.js";
import type { Clock } from "../domain/task/clock.js";
import { toEmergencyStatus } from "../messages/emergency-message.js";
import { toGateMessage } from "../messages/gate-message.js";
import { toMinuteMessage } from "../messages/status-message.js";
import { checkPerson, whoOf } from "./caller.js";

export interface ControlDeps {
  readonly gates: Gates;
  readonly emergency: EmergencyStop;
  readonly store: GateStore & Clock & Pick<StatusStore, "history">;
  readonly getStatus: () => Promise<GetStatusResponse>;
  readonly watchStatus: StatusFeed;
  readonly limits: SpecLimits;
}

type Rpc =
  | "pauseQueue"
  | "resumeQueue"
  | "setBudgetHolds"
  | "emergencyStop"
  | "getQueueHistory"
  | "getStatus"
  | "watchQueue";

const SHOWN_MINUTES = 60;

/** The RPCs with which an operator sees and controls the whole queue. */
export function controlHandlers({
  gates,
  emergency,
  store,
  limits,
  getStatus,
  watchStatus,
}: ControlDeps): Pick<Handlers<QueueServiceService>, Rpc> {
  return {
    async pauseQueue(request) {
      const nowMs = await store.now("");
      const { scope, ...pause } = readPause(request, limits.engines, nowMs);
      const gate = await gates.pause(scope, pause);
      return { gate: toGateMessage(scope, gate, nowMs) };
    },

    async resumeQueue(request, context) {
      const { scope, who, why, rampMs } = readResume(request, limits.engines);
      if (scope.kind === "emergency") checkPerson(context);
      return { resumed: await gates.resume(scope, { who, why }, rampMs) };
    },

    async setBudgetHolds(request) {
      await setBudgetHolds(store, readHolds(request));
      return {};
    },

    async emergencyStop(request, context) {
      const asked = readStop({ ...request, who: whoOf(context, request.who) });
      const { confirmed, ...state } = await emergency.stop(asked, context.signal);
      return { status: toEmergencyStatus(state), confirmed };
    },

    async getQueueHistory({ minutes }) {
      if (minutes < 0 || minutes > MOST_MINUTES)
        throw invalidFields([
          { field: "minutes", description: `must be 1 to ${MOST_MINUTES}, or 0 for ${SHOWN_MINUTES}` },
        ]);
      return { minutes: (await store.history(minutes || SHOWN_MINUTES)).map(toMinuteMessage) };
    },

    getStatus,

    async *watchQueue(_request, { signal }) {
      for await (const status of watchStatus(signal)) yield { status };
    },
  };
}
