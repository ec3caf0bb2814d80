import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { RedisClient } from "./redis-client.js";
import { filesOf } from "./script-parts.js";

export type ScriptArgument = string | number | Buffer;

/** What a binding says about itself, so that a test can compare it with the file's header (see `scriptFaults`). */
export interface ScriptBinding {
  readonly file: URL;
  /** Names of KEYS, in order. */
  readonly keys: readonly string[];
}

/**
 * The text that Redis gets: the parts that the file needs (see `filesOf`), then the file. The file's first line may be `#!lua flags=…`, which says what Redis lets the
 * script do (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags); it stays the first. With `flags=allow-oom` a script runs
 * at `maxmemory` too: for all but new work, so that a full Redis can be emptied.
 */
export function scriptSource({ file }: Pick<ScriptBinding, "file">): string {
  const whole = filesOf(file).map(({ text }) => text);
  const [flags = ""] = /^#!lua.*\n/m.exec(whole.at(-1) ?? "") ?? [];
  return flags + whole.join("\n").replace(flags, "");
}

/** Keys of a call, by name. The name `...logs` stands for `logs: string[]`. */
export type ScriptKeys<K extends string> = {
  readonly [N in K as N extends `...${infer Many}` ? Many : N]: N extends `...${string}` ? readonly string[] : string;
};

/** A bound script: keys by name, then ARGV in the order of the file's header. */
export interface Script<K extends string, R> extends ScriptBinding {
  (keys: ScriptKeys<K>, ...args: ScriptArgument[]): Promise<R>;
  readonly keys: readonly K[];
}

/**
 * Binds one Lua file to a client. `keys` is the order of KEYS in the file's header; each call must give all of them
 * and nothing else. The last may begin with `...`: it takes any number of keys. `decode` gets the reply with strings as
 * Buffers; what it throws rejects the call. The parts that the file's header needs run before it, as one script with it: steps with names, so
 * that one atomic change need not be one long text.
 *
 * A server that does not know the script (a restart, SCRIPT FLUSH, another cluster node) is sent it again by itself; not
 * inside MULTI. **A script may run twice for one call**: when the connection breaks before the answer, the command is
 * sent again. So every script must be idempotent: guard by id, state or fence, and answer the second run as the first.
 * Rejects when Redis stays away (`openRedis` says how long); the script may have run even so.
 */
export function bindScript<const K extends string, R>(
  redis: RedisClient,
  file: URL,
  keys: readonly K[],
  decode: (reply: unknown) => R,
): Script<K, R> {
  const lua = scriptSource({ file });
  // No command of Redis has a colon in its name, so a file may be called like one.
  const command = `script:${basename(fileURLToPath(file), ".lua")}`;
  // Without `numberOfKeys`: each call says how many.
  redis.defineCommand(command, { lua });
  // defineCommand adds methods that the client's type cannot know; this one answers Buffers.
  const run: unknown = Reflect.get(redis, `${command}Buffer`);
  if (typeof run !== "function") throw new Error(`ioredis did not define ${command}`);

  const places = keys.map((key) => ({ name: key.replace(/^\.{3}/, ""), many: key.startsWith("...") }));
  const script = async (byName: ScriptKeys<K>, ...args: ScriptArgument[]): Promise<R> => {
    const inOrder = keysInOrder(command, places, byName);
    const send = (): Promise<unknown> => Reflect.apply(run, redis, [inOrder.length, ...inOrder, ...args]);
    return decode(await untilKnown(send));
  };
  return Object.assign(script, { keys, file });
}

const TRIES = 4;

/**
 * ioredis (6.0.0) sends a script's text once when a server does not know it. In a failover of a Cluster that one may go on to a node of which it
 * believes that it had the text before, and be refused again. It has not run then, and the next try has the text.
 */
async function untilKnown<R>(send: () => Promise<R>): Promise<R> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await send();
    } catch (error) {
      if (left === 0 || !(error instanceof Error && error.message.startsWith("NOSCRIPT "))) throw error;
    }
  }
}

interface KeyPlace {
  readonly name: string;
  readonly many: boolean;
}

/** The types say the same; this is for callers that build the record at run time, since Lua would act on a wrong key. */
function keysInOrder(command: string, places: readonly KeyPlace[], byName: object): string[] {
  const values: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (typeof value !== "string" || value === "") throw new TypeError(`${command}: key ${name} is missing`);
    values.push(value);
  };
  for (const { name, many } of places) {
    const value: unknown = Reflect.get(byName, name);
    if (many && Array.isArray(value)) for (const each of value) add(name, each);
    else add(name, many ? undefined : value);
  }
  const given = Object.keys(byName);
  if (given.length !== places.length) {
    const extra = given.filter((key) => !places.some(({ name }) => name === key));
    throw new TypeError(`${command}: no such key: ${extra.join(", ")}`);
  }
  return values;
}

/** A decoder for a reply that is one of a closed set of words. Any other reply throws. */
export function oneOf<const T extends string>(...allowed: T[]): (reply: unknown) => T {
  return (reply) => {
    const word = Buffer.isBuffer(reply) ? reply.toString() : reply;
    const found = allowed.find((each) => each === word);
    if (found === undefined) throw new Error(`script answered ${JSON.stringify(word)}, not ${allowed.join(" | ")}`);
    return found;
  };
}
