import { styleText } from "node:util";
import type { Io } from "../process/io.js";

export type Paint = (text: string) => string;

/**
 * Whether output may have colours: FORCE_COLOR says yes (0 and false: no), then NO_COLOR says no, else a terminal may.
 */
export function mayColour({ env, stdout }: Pick<Io, "env" | "stdout">): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (env["NO_COLOR"]) return false;
  return stdout.isTTY === true && env["TERM"] !== "dumb";
}

export const paint =
  (style: Parameters<typeof styleText>[0]): Paint =>
  (text) =>
    styleText(style, text, { validateStream: false });

export const heading: Paint = paint("bold");

const GOOD = paint("green");
const BAD = paint("red");
const BUSY = paint("cyan");
const WAITING = paint("yellow");
const OVER = paint("gray");

/** The colour of the word of a state or a severity, in any table. Undefined for any other word. */
export const stateColour = (state: string): Paint | undefined => COLOURS.get(state);

const COLOURS: ReadonlyMap<string, Paint> = new Map([
  ["SUCCEEDED", GOOD],
  ["VALID", GOOD],
  ["DELIVERED", GOOD],
  ["OPEN", GOOD],
  ["ready", GOOD],
  ["ok", GOOD],
  ["FAILED", BAD],
  ["EXPIRED", BAD],
  ["WRONG KEY", BAD],
  ["FIRING", BAD],
  ["CLOSED", BAD],
  ["GIVEN UP", BAD],
  ["critical", BAD],
  ["refuses", BAD],
  ["LOST", BAD],
  ["WAITING", BAD],
  ["CONFIRMING", BAD],
  ["RECOVERING", BUSY],
  ["SUSPECTED", WAITING],
  ["does not answer", BAD],
  ["failing", BAD],
  ["fail", BAD],
  ["late", BAD],
  ["RUNNING", BUSY],
  ["LEASED", BUSY],
  ["QUEUED", WAITING],
  ["PARKED", WAITING],
  ["SCHEDULED", WAITING],
  ["draining", WAITING],
  ["paused", WAITING],
  ["DUE", WAITING],
  ["EARLY", WAITING],
  ["PENDING", WAITING],
  ["WARNING", WAITING],
  ["warning", WAITING],
  ["warn", WAITING],
  ["warns", WAITING],
  ["parks", WAITING],
  ["CANCELLING", OVER],
  ["CANCELLED", OVER],
  ["REVOKED", OVER],
  ["RESOLVED", OVER],
  ["SILENCED", OVER],
  ["skip", OVER],
]);
