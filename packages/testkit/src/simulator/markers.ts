import type { Answer, Fault, Raw, Silence } from "./behaviour.js";
import type { Gate } from "./gate.js";

/**
 * Markers: with them, a prompt tells the simulator what to do. A marker is `[[sim:<name> key=value key="quoted
 * value"]]`, and a prompt may contain any number of them. The table in README.md lists all of them. The simulator
 * refuses an unknown name or key with status 400, so that a typing error is noticed.
 */
const MARKER = /\[\[sim:([a-z0-9-]+)((?:\s+[a-zA-Z-]+=(?:"[^"]*"|'[^']*'|[^\s\]]+))*)\s*\]\]/g;
const ANY_MARKER = /\[\[sim:[^\]]*\]\]/g;
const ARGUMENT = /([a-zA-Z-]+)=(?:"([^"]*)"|'([^']*)'|([^\s\]]+))/g;
const SIZES: Readonly<Record<string, number>> = { "": 1, k: 1024, M: 1024 * 1024 };

/** The answer of a proxy in front of the API. */
const HTML =
  "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>";

const DEFAULT_HUGE = 5 * 1024 * 1024;

export class MarkerError extends Error {}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Arguments {
  readonly #values: Map<string, string>;
  readonly #name: string;

  constructor(name: string, source: string) {
    this.#name = name;
    this.#values = new Map([...source.matchAll(ARGUMENT)].map((m) => [m[1] ?? "", m[2] ?? m[3] ?? m[4] ?? ""]));
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key);
    this.#values.delete(key);
    return value;
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw new MarkerError(`[[sim:${this.#name}]] needs ${key}=`);
    return value;
  }

  number(key: string): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const match = /^(\d+(?:\.\d+)?)([kM]?)B?$/.exec(value);
    if (!match) throw new MarkerError(`[[sim:${this.#name}]]: ${key}=${value} is not a number`);
    return Number(match[1]) * (SIZES[match[2] ?? ""] ?? 1);
  }

  end(): void {
    const [left] = this.#values.keys();
    if (left !== undefined) throw new MarkerError(`[[sim:${this.#name}]] has no ${left}=`);
  }
}

interface Draft {
  answer: Mutable<Answer>;
  refusals: (Fault | Raw | Silence)[];
}

type Reader = (draft: Draft, args: Arguments, gates: ReadonlyMap<string, Gate>) => void;

function pace(answer: Mutable<Answer>, args: Arguments): void {
  const rate = args.number("rate");
  const split = args.number("split");
  if (rate !== undefined) answer.tokensPerSecond = rate;
  if (split !== undefined) answer.splitBytes = split;
}

function refuse(status: number, type: string, message: string): Reader {
  return ({ refusals }, args) => {
    const times = args.number("times");
    const retryAfter = args.number("retry-after");
    refusals.push({
      kind: "fault",
      status,
      type,
      message: args.text("message") ?? message,
      ...(times === undefined ? {} : { times }),
      ...(retryAfter === undefined ? {} : { headers: { "retry-after": String(retryAfter) } }),
    });
  };
}

function stop(how: "hang" | "cut"): Reader {
  return ({ answer }, args) => {
    const times = args.number("times");
    answer.stopAfter = { how, characters: args.number("after") ?? 1, ...(times === undefined ? {} : { times }) };
  };
}

const READERS: Readonly<Record<string, Reader>> = {
  echo: ({ answer }, args) => pace(answer, args),
  text: ({ answer }, args) => {
    answer.text = args.required("value");
    pace(answer, args);
  },
  huge: ({ answer }, args) => {
    answer.hugeBytes = args.number("bytes") ?? DEFAULT_HUGE;
    pace(answer, args);
  },
  tool: ({ answer }, args) => {
    const say = args.text("say");
    answer.tool = {
      name: args.required("name"),
      input: parseInput(args.text("input") ?? "{}"),
      ...(say === undefined ? {} : { say }),
    };
  },
  stop: ({ answer }, args) => {
    answer.stopReason = args.required("reason");
  },
  usage: ({ answer }, args) => {
    const counts = Object.entries({
      input: args.number("input"),
      output: args.number("output"),
      cacheRead: args.number("cache-read"),
      cacheWrite: args.number("cache-write"),
    }).filter(([, count]) => count !== undefined);
    answer.usage = Object.fromEntries(counts);
  },
  gate: ({ answer }, args, gates) => {
    const id = args.required("id");
    const gate = gates.get(id);
    if (!gate) throw new MarkerError(`no gate ${id}: it was not made, or the simulator was reset`);
    answer.gate = gate;
    const after = args.number("after");
    if (after !== undefined) answer.gateAfter = after;
  },
  window: ({ answer }, args) => {
    const [share, weekShare] = [args.number("share"), args.number("week")];
    answer.window = {
      state: "open",
      resetSeconds: args.number("reset") ?? 3600,
      ...claim(args),
      ...(share === undefined ? {} : { share }),
      ...(weekShare === undefined ? {} : { weekShare }),
    };
  },
  "hang-mid": stop("hang"),
  cut: stop("cut"),
  hang: ({ refusals }, args) => {
    const times = args.number("times");
    refusals.push({ kind: "silence", ...(times === undefined ? {} : { times }) });
  },
  html: ({ refusals }, args) => {
    const times = args.number("times");
    refusals.push({
      kind: "raw",
      contentType: "text/html",
      body: HTML,
      status: args.number("status") ?? 200,
      ...(times === undefined ? {} : { times }),
    });
  },
  "401": refuse(401, "authentication_error", "invalid x-api-key"),
  "403": refuse(403, "permission_error", "Your API key does not have permission to use the specified resource."),
  "429": refuse(429, "rate_limit_error", "This request would exceed your organization's rate limit."),
  "500": refuse(500, "api_error", "Internal server error"),
  "529": refuse(529, "overloaded_error", "Overloaded"),
  "too-long": refuse(400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
  "429-window": ({ refusals }, args) => {
    const times = args.number("times");
    refusals.push({
      kind: "fault",
      status: 429,
      type: "rate_limit_error",
      message: "This request would exceed your account's rate limit. Please try again later.",
      window: { state: "closed", resetSeconds: args.number("reset") ?? 3600, ...claim(args) },
      ...(times === undefined ? {} : { times }),
    });
  },
};

/** The names of all markers. */
export const MARKERS: readonly string[] = Object.keys(READERS);

function claim(args: Arguments): { claim?: string } {
  const value = args.text("claim");
  return value === undefined ? {} : { claim: value };
}

function parseInput(json: string): Record<string, unknown> {
  try {
    const input: Record<string, unknown> = JSON.parse(json);
    return input;
  } catch {
    throw new MarkerError(`[[sim:tool]]: input=${json} is not JSON`);
  }
}

/**
 * Reads a prompt's markers: the refusals in the written order, and the single answer that follows when the refusals are
 * used up. Throws MarkerError for an unknown marker or argument.
 */
export function readMarkers(prompt: string, gates: ReadonlyMap<string, Gate>): Readonly<Draft> {
  const draft: Draft = { answer: { kind: "answer" }, refusals: [] };
  const rest = prompt.replaceAll(MARKER, (_whole, name: string, source: string) => {
    const read = READERS[name];
    if (!read) throw new MarkerError(`[[sim:${name}]] is not a marker; there are ${MARKERS.join(", ")}`);
    const args = new Arguments(name, source);
    read(draft, args, gates);
    args.end();
    return "";
  });
  const odd = ANY_MARKER.exec(rest);
  ANY_MARKER.lastIndex = 0;
  if (odd) throw new MarkerError(`cannot read ${odd[0]}`);
  return draft;
}

/** Returns the prompt without its markers. */
export function withoutMarkers(prompt: string): string {
  return prompt.replaceAll(MARKER, "").trim();
}
