import type { LineSource } from "@ccsp/fleet";
import { prettyFactory } from "pino-pretty";
import { printable, printableText } from "../process/printable.js";

/** One line of output of a fleet, as `up --json` prints it and as the log file stores it. */
export interface FleetLine {
  /** Origin of the line: `queue-1`, `redis`, or `fleet` for the supervisor itself. */
  readonly source: string;
  readonly line: string;
}

/** A line of a process. What the supervisor itself says gets the form in which services log: with level and time. */
export function lineOf(line: string, { name: source, stream }: LineSource): FleetLine {
  if (source !== "fleet") return { source, line };
  return {
    source,
    line: JSON.stringify({ level: stream === "stderr" ? "warn" : "info", time: new Date(), msg: line }),
  };
}

/** A warning of the supervisor. */
export const fleetWarning = (text: string): FleetLine => lineOf(text, { name: "fleet", stream: "stderr" });

const COLOURS = [36, 33, 35, 32, 34, 96, 93, 95, 92, 94];

/**
 * Makes lines readable: first the origin in its own colour, then the JSON of a service as text. The output has no
 * control characters except the colours and the line ends of a stack.
 */
export function createLineFormat(colour: boolean): (line: FleetLine) => string {
  const pretty = prettyFactory({
    colorize: colour,
    ignore: "service,instance,hostname,pid",
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  const colours = new Map<string, number>();
  return ({ source, line }) => {
    const code = colours.get(source) ?? COLOURS[colours.size % COLOURS.length] ?? 0;
    colours.set(source, code);
    const name = printable(source).padEnd(14);
    const entry = parse(line);
    const text = entry === undefined ? printable(line) : pretty(printableEntry(entry, "")).trimEnd();
    return `${colour ? `\u001B[${code}m${name}\u001B[0m` : name} ${text}`;
  };
}

function parse(line: string): object | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: object = JSON.parse(line);
    return entry;
  } catch {
    return undefined;
  }
}

/**
 * The same entry with every name and text printable. A stack keeps its line breaks, and its lines are shown indented.
 */
function printableEntry(value: unknown, name: string): unknown {
  if (typeof value === "string") return name === "stack" ? printableText(value) : printable(value);
  if (Array.isArray(value)) return value.map((item) => printableEntry(item, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [printable(key), printableEntry(item, key)]));
}
