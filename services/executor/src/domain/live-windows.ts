import type { WindowSignal } from "@ccsp/engine-kit";
import type { LoginWindows } from "./queue.js";

/** A smaller change of a share is not worth a message. */
const SHARE_STEP = 0.01;
/** Providers say when a window turns to the second, and not always the same second. */
const RESET_STEP_MS = 60_000;

/** What providers say of usage windows in the answers that pass the broker, until the queue knows it. */
export class LiveWindows {
  /** Called when a window is found closed: the queue has to know it before it grants more tasks. */
  onClosed = (): void => {};
  /** By engine and window. */
  readonly #newest = new Map<string, Map<string, WindowSignal>>();
  readonly #told = new WeakSet<WindowSignal>();

  note(engine: string, windows: readonly WindowSignal[]): void {
    const known = this.#newest.get(engine) ?? new Map<string, WindowSignal>();
    this.#newest.set(engine, known);
    let closed = false;
    for (const window of windows) {
      const before = known.get(window.name);
      if (before && !isNews(before, window)) continue;
      known.set(window.name, window);
      closed ||= window.state === "closed";
    }
    if (closed) this.onClosed();
  }

  /** What the queue does not know yet. */
  untold(): readonly Omit<LoginWindows, "account">[] {
    return [...this.#newest].flatMap(([engine, known]) => {
      const windows = [...known.values()].filter((window) => !this.#told.has(window));
      return windows.length > 0 ? [{ engine, windows }] : [];
    });
  }

  /** The queue has answered a call with these. */
  told(said: readonly Pick<LoginWindows, "windows">[]): void {
    for (const window of said.flatMap(({ windows }) => windows)) this.#told.add(window);
  }
}

const isNews = (before: WindowSignal, now: WindowSignal): boolean =>
  before.state !== now.state ||
  Math.abs((before.resetMs ?? 0) - (now.resetMs ?? 0)) >= RESET_STEP_MS ||
  Math.abs((before.share ?? 0) - (now.share ?? 0)) >= SHARE_STEP;
