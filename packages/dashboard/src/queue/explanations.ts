import { useEffect, useState } from "preact/hooks";
import { call, outcome } from "../api.js";
import type { Explanation } from "../work/explanation.js";

const REFRESH_MS = 10_000;

/** As many are asked for at once: a page of rows is not a burst of calls. */
const AT_ONCE = 4;

/** Why each of these tasks waits, read again every ten seconds. */
export function useExplanations(ids: readonly string[]): ReadonlyMap<string, Explanation> {
  const [known, setKnown] = useState<ReadonlyMap<string, Explanation>>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    const read = async (taskId: string) => {
      const { answer } = await outcome(call("GET /tasks/{taskId}/explanation", { path: { taskId } }, stop.signal));
      if (answer && !stop.signal.aborted) setKnown((before) => new Map(before).set(taskId, answer));
    };
    const readAll = async () => {
      for (let from = 0; from < ids.length && !stop.signal.aborted; from += AT_ONCE) {
        await Promise.all(ids.slice(from, from + AT_ONCE).map(read));
      }
    };
    void readAll();
    const timer = setInterval(() => document.visibilityState === "visible" && void readAll(), REFRESH_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [ids.join()]);
  return known;
}
