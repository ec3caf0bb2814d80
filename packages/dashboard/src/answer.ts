import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, call, type Input, outcome } from "./api.js";
import { useRetry } from "./retry.js";
import type { Answer, Route } from "./routes.js";

export interface Loaded<Data> {
  /** The newest answer. It stays while a newer one is on its way. */
  readonly data: Data | undefined;
  /** Why the newest try did not work. */
  readonly error: ApiError | undefined;
  /** Reads it again. */
  readonly reload: () => void;
  /** Puts a changed answer in place, for example after an act. */
  readonly setData: (data: Data) => void;
}

/**
 * Reads a path of the REST API when the component is shown, when its input changes, and every `everyMs` while the page is
 * seen. What failed because a service was away is read again by itself.
 */
export function useAnswer<R extends Route>(
  route: R,
  input: Input<R>,
  options: { readonly everyMs?: number } = {},
): Loaded<Answer<R>> {
  const [data, setData] = useState<Answer<R> | undefined>(undefined);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const running = useRef<AbortController | undefined>(undefined);
  const { everyMs } = options;
  const key = JSON.stringify(input);

  const reload = useCallback(() => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    const read = async () => {
      const { answer, error } = await outcome(call(route, input, mine.signal));
      if (mine.signal.aborted) return;
      setError(error);
      if (answer) setData(answer);
    };
    void read();
  }, [route, key]);

  useEffect(() => {
    reload();
    const timer = everyMs && setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => {
      clearInterval(timer);
      running.current?.abort();
    };
  }, [reload, everyMs]);
  useRetry(error, reload);
  return { data, error, reload, setData };
}
