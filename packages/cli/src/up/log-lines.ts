import { prettyFactory } from "pino-pretty";

/** One line of output of a fleet, as `up --json` prints it and the log file keeps it. */
export interface FleetLine {
  /** `queue-1`, `redis`, or `fleet` for the supervisor's own. */
  readonly source: string;
  readonly line: string;
}

const COLOURS = [36, 33, 35, 32, 34, 96, 93, 95, 92, 94];

/** Makes lines readable: who said it, in a colour of its own, then a service's JSON as text. */
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
    const name = source.padEnd(14);
    const text = line.startsWith("{") ? pretty(line).trimEnd() : line;
    return `${colour ? `\u001B[${code}m${name}\u001B[0m` : name} ${text}`;
  };
}
