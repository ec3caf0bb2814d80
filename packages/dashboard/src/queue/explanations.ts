import { useEffect, useState } from "preact/hooks";
import { call, outcome } from "../api.js";
import type { Explanation } from "../work/explanation.js";

const REFRESH_MS = 10_000;

/** Why each of these tasks waits. One is asked for after the other: a page of rows is no burst of calls. */
export function useExplanations(ids: readonly string[]): ReadonlyMap<string, Explanation> {
  const [known, setKnown] = useState<ReadonlyMap<string, Explanation>>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    const readAll = async () => {
      for (const taskId of ids) {
        const { answer } = await outcome(call("GET /tasks/{taskId}/explanation", { path: { taskId } }, stop.signal));
        if (stop.signal.aborted) return;
        if (answer) setKnown((before) => new Map(before).set(taskId, answer));
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
