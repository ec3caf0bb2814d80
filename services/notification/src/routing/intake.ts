import type { Notice } from "../domain/notice.js";
import type { NoticeStore, Order } from "../domain/notice-store.js";
import { type Routed, type RoutedChannel, type Rule, route } from "./route.js";

export interface IntakeOptions {
  readonly channels: readonly RoutedChannel[];
  readonly rules: readonly Rule[] | undefined;
  readonly store: NoticeStore;
  readonly now: () => Date;
  /** Called for each channel of a notice that was accepted before. */
  readonly onRepeat: (channel: string) => void;
  /** Called when the queues have more. */
  readonly onAccepted: () => void;
}

export interface Intake {
  /** Stores a notice for its channels. Resolves when it is stored: then it will be delivered. */
  accept(notice: Notice, order?: Order): Promise<void>;
  /** Where a notice goes at a time, by default now. */
  routes(notice: Notice, at?: Date): readonly Routed[];
}

export function createIntake({ channels, rules, store, now, onRepeat, onAccepted }: IntakeOptions): Intake {
  const routes = (notice: Notice, at = now()): Routed[] => route(notice, { channels, rules, now: at });
  return {
    routes,
    accept: async (notice, order) => {
      const to = routes(notice);
      const outcome = await store.accept(notice, to, order);
      if (outcome === "repeat") for (const { channel } of to) onRepeat(channel);
      onAccepted();
    },
  };
}
