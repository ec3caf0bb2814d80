import type { Full, Window, WindowState } from "./domain/window.js";

/** Reads a stored window. Throws if it is not a window. */
export function parseWindow(json: unknown): Window {
  const stored: Readonly<Record<string, unknown>> = Object(json);
  const number = (name: string): number | undefined => {
    const value = stored[name];
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  };
  const { engine, account, name, state, told, full } = stored;
  const [firstMs, signalMs] = [number("firstMs"), number("signalMs")];
  if (
    typeof engine !== "string" ||
    typeof account !== "string" ||
    typeof name !== "string" ||
    firstMs === undefined ||
    signalMs === undefined
  )
    throw new Error("a stored usage window cannot be read");
  return {
    engine,
    account,
    name,
    state: STATES.find((each) => each === state),
    startMs: number("startMs"),
    resetMs: number("resetMs"),
    lengthMs: number("lengthMs"),
    share: number("share"),
    shareMs: number("shareMs"),
    firstMs,
    signalMs,
    liveMs: number("liveMs"),
    resets: number("resets") ?? 0,
    full: parseFull(full),
    told: Array.isArray(told) ? told.filter((each): each is number => typeof each === "number") : [],
  };
}

const STATES: readonly WindowState[] = ["open", "warning", "closed"];

function parseFull(json: unknown): Full | undefined {
  const { tokens, cost, requests, costKnown, atMs }: Readonly<Record<string, unknown>> = Object(json);
  if (
    typeof tokens !== "number" ||
    typeof cost !== "number" ||
    typeof requests !== "number" ||
    typeof atMs !== "number"
  )
    return undefined;
  return { tokens, cost, requests, costKnown: costKnown === true, atMs };
}
