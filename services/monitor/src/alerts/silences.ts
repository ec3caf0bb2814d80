import { createHash, randomUUID } from "node:crypto";
import { invalidFields, Refusal } from "@ccsp/errors";
import type { Entry } from "../state/state-store.js";
import {
  checkSilence,
  silences as isSilencedBy,
  MOST_SILENCES,
  type NewSilence,
  type Silence,
} from "./domain/silence.js";
import type { AlertStores } from "./stored.js";

export interface SilencesOptions {
  readonly stores: Pick<AlertStores, "alerts" | "silences">;
  readonly now: () => number;
}

export interface MadeSilence {
  readonly id: string;
  readonly silence: Silence;
  /** The number of alerts that it silences now. */
  readonly alerts: number;
}

export type Silences = ReturnType<typeof createSilences>;

/** The silences that people have made. */
export function createSilences({ stores, now }: SilencesOptions) {
  const lasting = async (): Promise<readonly Entry<Silence>[]> =>
    (await stores.silences.list()).filter(({ value }) => value.endMs > now());

  return {
    lasting,

    make: async (wanted: NewSilence): Promise<MadeSilence> => {
      checkSilence(wanted);
      const { matchers, reason, durationMs = 0, who, requestId } = wanted;
      const createMs = now();
      const id = createHash("sha256")
        .update(requestId || randomUUID())
        .digest("hex")
        .slice(0, 12);
      const made: Silence = { matchers, reason, who, createMs, endMs: createMs + durationMs };
      const there = await stores.silences.get(id);
      if (there === undefined && (await lasting()).length >= MOST_SILENCES)
        throw invalidFields([{ field: "matchers", description: `there are ${MOST_SILENCES} silences: end one first` }]);
      const outcome = there ?? (await stores.silences.change({ name: id, before: undefined, after: made }));
      const silence = typeof outcome === "object" ? outcome.value : ((await stores.silences.get(id))?.value ?? made);
      const alerts = (await stores.alerts.list()).flatMap(({ name, value: { active, severity } }) =>
        Object.values(active).filter(({ labels }) => isSilencedBy(silence, { rule: name, severity, labels }, createMs)),
      );
      return { id, silence, alerts: alerts.length };
    },

    list: async (): Promise<readonly Entry<Silence>[]> =>
      [...(await lasting())].sort((a, b) => a.value.endMs - b.value.endMs),

    /** Returns the silence that was ended. Undefined: it could not be read, so it silenced nothing. */
    delete: async (id: string): Promise<Silence | undefined> => {
      const removed = await stores.silences.remove(id);
      if (removed === undefined || (removed.value !== undefined && removed.value.endMs <= now()))
        throw new Refusal("SILENCE_NOT_FOUND", `there is no silence ${id}, or it has ended`);
      return removed.value;
    },

    forgetEnded: async (): Promise<void> => {
      for (const entry of await stores.silences.list())
        if (entry.value.endMs <= now())
          await stores.silences.change({ name: entry.name, before: entry, after: undefined });
    },
  };
}
