import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { RedisClient } from "./redis-client.js";
import { filesOf } from "./script-parts.js";

export type ScriptArgument = string | number | Buffer;

/** The data of a binding that a test compares with the header of the file (see `scriptFaults`). */
export interface ScriptBinding {
  readonly file: URL;
  /** The names of KEYS, in order. */
  readonly keys: readonly string[];
}

/**
 * Returns the text that Redis gets: the parts that the file needs (see `filesOf`), then the file itself. The first line
 * of the file may be `#!lua flags=…`, which says what Redis allows the script to do
 * (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags). This line stays the first. With
 * `flags=allow-oom` a script also runs at `maxmemory`. All scripts have this flag except those that add new work, so
 * that a full Redis can be emptied.
 */
export function scriptSource({ file }: Pick<ScriptBinding, "file">): string {
  const whole = filesOf(file).map(({ text }) => text);
  const [flags = ""] = /^#!lua.*\n/m.exec(whole.at(-1) ?? "") ?? [];
  return flags + whole.join("\n").replace(flags, "");
}

/** The keys of a call, by name. The name `...logs` stands for `logs: string[]`. */
export type ScriptKeys<K extends string> = {
  readonly [N in K as N extends `...${infer Many}` ? Many : N]: N extends `...${string}` ? readonly string[] : string;
};

/** A bound script. It takes the keys by name, then ARGV in the order of the file's header. */
export interface Script<K extends string, R> extends ScriptBinding {
  (keys: ScriptKeys<K>, ...args: ScriptArgument[]): Promise<R>;
  readonly keys: readonly K[];
}

/**
 * Binds one Lua file to a client. `keys` is the order of KEYS in the file's header. Each call must give all of these
 * keys and no others. The last key may begin with `...`: then it takes any number of keys. `decode` gets the reply with
 * strings as Buffers. If `decode` throws, the call rejects. The parts that the header needs run before the file, and
 * all of it is one script. So one atomic change can be split into named steps.
 *
 * If a server does not know the script (after a restart or SCRIPT FLUSH, or on another cluster node), the client sends
 * the script again by itself, but not inside MULTI. **A script may run twice for one call**: if the connection breaks
 * before the answer, the client sends the command again. So every script must be idempotent: it checks an id, a state
 * or a fence, and it answers the second run as the first.
 *
 * Rejects if Redis stays unavailable (`openRedis` says for how long). The script may still have run.
 */
export function bindScript<const K extends string, R>(
  redis: RedisClient,
  file: URL,
  keys: readonly K[],
  decode: (reply: unknown) => R,
): Script<K, R> {
  const lua = scriptSource({ file });
  // No command of Redis has a colon in its name. So a script can have the same file name as a Redis command.
  const command = `script:${basename(fileURLToPath(file), ".lua")}`;
  // No `numberOfKeys`, because each call gives its own number of keys.
  redis.defineCommand(command, { lua });
  // defineCommand adds methods that the client's type does not have. This one returns Buffers.
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
 * If a server does not know a script, ioredis 6.0.0 sends its text once. In a failover of a Cluster, that command may
 * be redirected to a node that ioredis believes to have the text, and is refused again. The script has not run then,
 * and the next try sends the text.
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

/**
 * The types already check this. The check at run time is for callers that build the record dynamically, because Lua
 * would act on a wrong key.
 */
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

/** Returns a decoder for a reply that is one of a fixed set of words. Any other reply throws. */
export function oneOf<const T extends string>(...allowed: T[]): (reply: unknown) => T {
  return (reply) => {
    const word = Buffer.isBuffer(reply) ? reply.toString() : reply;
    const found = allowed.find((each) => each === word);
    if (found === undefined) throw new Error(`script answered ${JSON.stringify(word)}, not ${allowed.join(" | ")}`);
    return found;
  };
}
