import type { Random } from "@ccsp/e2e-kit/random.js";
import { hostileNumber, hostileText } from "./hostile.js";

/** What one connection to the WebSocket puts on the wire next. */
export interface LiveInput {
  readonly bytes: Buffer;
  /** The gateway has to wait for the rest of it, so what is sent after it may be taken for this rest. */
  readonly unfinished: boolean;
}

/** What plausible messages of clients say. */
export interface LiveWords {
  readonly ids: readonly string[];
  readonly topics: readonly string[];
  readonly taskIds: readonly string[];
  readonly agentIds: readonly string[];
  readonly cursors: readonly string[];
  readonly tokens: readonly string[];
}

/** The largest message that the gateway takes. */
const MOST = 16 * 1024;
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Mostly a message that may be hostile, sometimes frames that no client sends. */
export function liveInput(random: Random, words: LiveWords): LiveInput {
  const { make } = random.weighted(KINDS);
  const made = make(random, words);
  return Buffer.isBuffer(made) ? { bytes: made, unfinished: false } : made;
}

const KINDS: readonly {
  readonly weight: number;
  readonly make: (random: Random, words: LiveWords) => Buffer | LiveInput;
}[] = [
  { weight: 60, make: (random, words) => frame(OPCODE.text, messageBytes(random, words)) },
  { weight: 4, make: (random, words) => frame(OPCODE.binary, messageBytes(random, words)) },
  { weight: 8, make: (random) => frame(OPCODE.text, junk(random)) },
  { weight: 10, make: (random, words) => fragments(random, messageBytes(random, words)) },
  { weight: 8, make: control },
  { weight: 6, make: broken },
  { weight: 4, make: many },
];

interface Head {
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** The length that the head says. Default: that of the payload. */
  readonly length?: number;
}

/** A frame of RFC 6455, right or wrong. */
function frame(opcode: number, payload: Uint8Array, head: Head = {}): Buffer {
  const { fin = true, reserved = 0, masked = true, length = payload.length } = head;
  const mask = masked ? 0x80 : 0;
  const start = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  start[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  start[1] = mask | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (start.length === 4) start.writeUInt16BE(length, 2);
  if (start.length === 10) start.writeBigUInt64BE(BigInt(length), 2);
  // With the key 0, what is masked is what it was.
  return Buffer.concat([start, Buffer.alloc(masked ? 4 : 0), payload]);
}

/** A message of a client: mostly a plausible one with one fault. */
function messageBytes(random: Random, words: LiveWords): Buffer {
  const message = plausible(random, words);
  if (random.chance(0.6)) spoil(message, random);
  const json = JSON.stringify(message);
  const text = random.chance(0.05) ? json.slice(0, random.between(0, json.length)) : json;
  return random.chance(0.02) ? Buffer.concat([Buffer.from(text), hostileText(random)]) : Buffer.from(text);
}

type Message = Record<string, unknown>;

function plausible(random: Random, words: LiveWords): Message {
  const { op } = random.weighted([
    { weight: 12, op: "subscribe" },
    { weight: 4, op: "unsubscribe" },
    { weight: 2, op: "auth" },
    { weight: 1, op: "ping" },
  ]);
  const id = random.pick(words.ids);
  switch (op) {
    case "auth":
      return { op, token: random.pick(words.tokens) };
    case "subscribe": {
      const topic = random.pick(words.topics);
      const ofTask = topic === "log" || topic === "tail";
      const filter = {
        ...((ofTask || random.chance(0.3)) && { taskId: random.pick(words.taskIds) }),
        ...(!ofTask && random.chance(0.3) && { agentId: random.pick(words.agentIds) }),
      };
      return {
        ...{ op, id, topic },
        ...((topic === "tasks" || ofTask) && { filter }),
        ...(topic !== "tail" && random.chance(0.5) && { after: place(random, words, topic) }),
      };
    }
    case "unsubscribe":
      return { op, id };
    default:
      return { op };
  }
}

/** A cursor that the gateway gave, one with another part, or one from nowhere. */
function place(random: Random, { cursors }: LiveWords, topic: string): string {
  if (topic === "log") return random.pick(["0", "1", "7", "999999999", "1000000000", "-1", "1.5", "1e3"]);
  const known = random.pick(cursors);
  if (random.chance(0.5)) return known;
  return random.pick([
    ...["0-0", "1-1", "zzzzzzzzzz-zzzzzzzzzz", "0", "-", "0-0.", ".".repeat(70), "0-0".repeat(600), "$", "+", ">"],
    Array.from({ length: random.between(2, 66) }, () => "0-0").join("."),
    known.slice(0, -1),
    `${known}z`,
    known.toUpperCase(),
  ]);
}

/** Puts something else in the place of a member, takes it out, or adds one. */
function spoil(message: Message, random: Random): void {
  const names = [...Object.keys(message), "op", "id", "topic", "filter", "after", "token"];
  const name = random.pick(names);
  if (random.chance(0.15)) delete message[name];
  else if (random.chance(0.2)) message["filter"] = hostileFilter(random);
  else if (random.chance(0.1)) Object.defineProperty(message, "__proto__", { value: {}, enumerable: true });
  else message[name] = hostileValue(random);
}

const hostileFilter = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => [],
    () => "x",
    () => ({ taskId: hostileValue(random) }),
    () => ({ agentId: hostileValue(random) }),
    () => ({ taskId: "x", other: hostileValue(random) }),
  ])();

const hostileValue = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => Buffer.from(hostileText(random)).toString("utf8").slice(0, 4_000),
    () => Buffer.from(hostileText(random)).toString("utf8").slice(0, 4_000),
    () => hostileNumber(random),
    () => random.pick([null, true, false, [], {}, "", "\ud800", "x".repeat(64), "x".repeat(65), "x".repeat(12_289)]),
    () => ({ toString: "x", valueOf: null, length: 1e9 }),
    () => ["tasks", "log"],
  ])();

/** No message, also at the edges of what is taken. */
const junk = (random: Random): Uint8Array =>
  random.pick<() => Uint8Array>([
    () => Buffer.from(random.pick(["", "null", "[]", '"x"', "{", "1e999", "\ufeff{}", '{"op":"ping"}x', "{}{}"])),
    () => Buffer.from("[".repeat(random.between(1_000, MOST))),
    () => Buffer.from(`{"op":"ping","x":${'{"x":'.repeat(2_000)}1${"}".repeat(2_001)}`),
    () => Buffer.from(`{"op":"ping","x":"${"y".repeat(MOST + random.between(-30, 10))}"}`),
    () => Buffer.alloc(random.pick([MOST - 1, MOST, MOST + 1, 1_000_000]), " "),
    () => Buffer.from(Array.from({ length: random.between(1, 200) }, () => random.between(0, 255))),
    () => hostileText(random),
  ])();

/** A message in parts, also of no or one byte each, with control frames among them, or without an end. */
function fragments(random: Random, message: Buffer): Buffer {
  const size = random.pick([1, 7, 100, 4_000]);
  const frames: Buffer[] = [];
  for (let from = 0; from < message.length; from += size) {
    const last = from + size >= message.length;
    frames.push(
      frame(from === 0 ? OPCODE.text : OPCODE.continuation, message.subarray(from, from + size), { fin: last }),
    );
    if (random.chance(0.1)) frames.push(frame(OPCODE.continuation, Buffer.alloc(0), { fin: false }));
    if (random.chance(0.1)) frames.push(frame(OPCODE.ping, Buffer.from("among them")));
  }
  // Parts without an end, far beyond what one message may have.
  if (random.chance(0.05)) {
    const part = frame(OPCODE.continuation, Buffer.alloc(random.pick([0, 1])), { fin: false });
    frames.splice(1, frames.length, ...Array.from({ length: 20_000 }, () => part));
  } else if (random.chance(0.2)) frames.pop();
  return Buffer.concat(frames);
}

/** Without the code 1011. The gateway answers a close with the same code, and 1011 says that a server has failed. */
function control(random: Random): Buffer {
  const { ping, pong, close } = OPCODE;
  const opcode = random.pick([ping, pong, close]);
  const code = (number: number, why = "") => {
    const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(why)]);
    payload.writeUInt16BE(number);
    return payload;
  };
  return random.pick<() => Buffer>([
    () => frame(ping, Buffer.alloc(random.pick([0, 1, 125]))),
    () => frame(pong, Buffer.from("for nobody")),
    () => Buffer.concat(Array.from({ length: random.between(2, 500) }, () => frame(ping, Buffer.alloc(125)))),
    () => frame(opcode, Buffer.alloc(random.pick([126, 1_000]))),
    () => frame(opcode, Buffer.alloc(1), { fin: false }),
    () => frame(close, code(random.pick([0, 999, 1000, 1001, 1005, 1006, 1015, 2999, 4400, 5000, 65_535]))),
    () => frame(close, code(1000, "x".repeat(123))),
    () => frame(close, Buffer.concat([code(1000), Buffer.from("eda080", "hex")])),
    () => frame(close, Buffer.alloc(1)),
  ])();
}

/** What is not a frame of a client. */
function broken(random: Random): LiveInput {
  const { text, continuation } = OPCODE;
  const message = Buffer.from('{"op":"ping"}');
  const { bytes, unfinished = false } = random.pick<() => { bytes: Buffer; unfinished?: true }>([
    () => ({ bytes: frame(text, message, { reserved: random.between(1, 7) }) }),
    () => ({ bytes: frame(random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), message) }),
    () => ({ bytes: frame(text, message, { masked: false }) }),
    () => ({ bytes: frame(continuation, message) }),
    () => ({ bytes: Buffer.concat([frame(text, message, { fin: false }), frame(text, message)]) }),
    () => ({ bytes: frame(text, message, { length: random.pick([MOST + 1, 2 ** 31, 2 ** 40, 2 ** 53]) }) }),
    () => ({ bytes: frame(text, message, { length: random.between(20, MOST) }), unfinished: true }),
    () => ({ bytes: frame(text, message).subarray(0, random.between(1, 10)), unfinished: true }),
    () => ({ bytes: Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3)), unfinished: true }),
    () => ({
      bytes: Buffer.from(Array.from({ length: random.between(1, 2_000) }, () => random.between(0, 255))),
      unfinished: true,
    }),
  ])();
  return { bytes, unfinished };
}

/** More at once than a connection may have: of subscriptions, and of messages that wait for an answer. */
function many(random: Random, words: LiveWords): Buffer {
  const following = random.chance(0.5);
  const messages = Array.from({ length: random.between(40, 120) }, (_, at) =>
    following ? { ...plausible(random, words), op: "subscribe", id: `many-${at}` } : { op: "ping" },
  );
  return Buffer.concat(messages.map((message) => frame(OPCODE.text, Buffer.from(JSON.stringify(message)))));
}
