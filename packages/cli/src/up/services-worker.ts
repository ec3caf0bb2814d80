/** The thread of `askServices`: it answers one question and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { checkFleetSettings } from "./check-settings.js";
import type { Asked } from "./services-thread.js";
import { settingsByService } from "./settings-by-service.js";

const ANSWERS: { readonly [K in keyof Asked]: (asked: Asked[K]["asked"]) => Promise<Asked[K]["answer"]> } = {
  divided: settingsByService,
  checked: checkFleetSettings,
};

const answer = <K extends keyof Asked>({ kind, asked }: { kind: K; asked: Asked[K]["asked"] }) => ANSWERS[kind](asked);

parentPort?.postMessage(await answer(workerData));
