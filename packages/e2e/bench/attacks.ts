// The attacks of `make bench-strangers`. This file is also the process that makes one: its name is the argument, and
// ATTACK has the target. It sends `begun`, attacks until it gets any message, and sends what it did.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";

export interface Target {
  readonly host: string;
  readonly port: number;
  /** A valid token of the attacker. */
  readonly token: string;
  /** A task of the attacker that waits. */
  readonly taskId: string;
  /** An ended task of the attacker with a large answer, and the sequence before the event that has it. */
  readonly large: { readonly taskId: string; readonly afterSequence: number };
}

interface Attack {
  /** One step, as often as `perSecond`. */
  step(index: number): void;
  readonly perSecond: number;
  /** Done at once, before the first step. */
  readonly atOnce?: number;
}

/** The attacker's own address. Linux has all of 127/8 on loopback. */
const ADDRESS = "127.0.0.2";
const CONNECTIONS = 10;
const UNREAD = 200;

const ATTACKS: Readonly<Record<string, (target: Target, outcomes: Outcomes) => Attack>> = {
  /** 320 watches a second, each of which is given up at its first message. */
  given_up(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    return {
      perSecond: 320,
      step(index) {
        const stream = begin(sessions[index % CONNECTIONS], outcomes, bearer(target.token));
        stream?.once("data", () => stream.close(constants.NGHTTP2_CANCEL)).end(watchOf({ taskId: target.taskId }));
      },
    };
  },
  /** 200 watches of a large answer that read nothing, each on its own connection. */
  unread(target, outcomes) {
    const sessions = sessionsOf(target, outcomes, UNREAD);
    return {
      perSecond: 0,
      atOnce: UNREAD,
      step: (index) => begin(sessions[index], outcomes, bearer(target.token))?.pause().end(watchOf(target.large)),
    };
  },
  /** 5,000 watches whose request never comes. */
  idle_streams(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    return {
      perSecond: 0,
      atOnce: 5_000,
      step: (index) => void begin(sessions[index % CONNECTIONS], outcomes, bearer(target.token)),
    };
  },
  /** Calls without a token that are reset at once. */
  rapid_resets(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    return {
      perSecond: 1_000,
      step: (index) => begin(sessions[index % CONNECTIONS], outcomes, {})?.close(constants.NGHTTP2_CANCEL),
    };
  },
  /** 1,000 requests of which a byte comes from time to time. */
  slow_bodies(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    const streams: ClientHttp2Stream[] = [];
    return {
      perSecond: 500,
      atOnce: 1_000,
      step(index) {
        const known = streams[index % 1_000];
        if (known === undefined) {
          const stream = begin(sessions[index % CONNECTIONS], outcomes, bearer(target.token));
          if (stream) streams.push(stream);
        } else if (!known.closed) known.write(Buffer.alloc(1));
      },
    };
  },
  /** Calls with 60 kB of headers. */
  header_floods(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    const headers = { "x-flood": "x".repeat(60_000) };
    return {
      perSecond: 200,
      step: (index) => void begin(sessions[index % CONNECTIONS], outcomes, headers),
    };
  },
  /** Tokens with a wrong signature, each for another name. */
  wrong_tokens(target, outcomes) {
    const sessions = sessionsOf(target, outcomes);
    const [header = "", claims = ""] = target.token.split(".");
    const valid: object = JSON.parse(Buffer.from(claims, "base64url").toString());
    return {
      perSecond: 1_000,
      step(index) {
        const forged = Buffer.from(JSON.stringify({ ...valid, sub: `mallory-${index}` })).toString("base64url");
        const wrong = bearer(`${header}.${forged}.${"A".repeat(43)}`);
        begin(sessions[index % CONNECTIONS], outcomes, wrong)?.end();
      },
    };
  },
  /** Connections that say nothing. */
  connections({ host, port }, outcomes) {
    const open: Socket[] = [];
    return {
      perSecond: 500,
      step() {
        const socket = connectTcp({ host, port, localAddress: ADDRESS });
        open.push(socket);
        socket.on("error", () => undefined);
        socket.on("connect", () => outcomes.count("connected"));
        socket.on("close", () => outcomes.count("closed"));
      },
    };
  },
};

export const ATTACK_NAMES = Object.keys(ATTACKS);

class Outcomes {
  readonly counts: Record<string, number> = {};

  count(outcome: string): void {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Sessions that connect again when the gateway closes them. */
function sessionsOf(
  { host, port }: Target,
  outcomes: Outcomes,
  count = CONNECTIONS,
): (ClientHttp2Session | undefined)[] {
  const sessions: (ClientHttp2Session | undefined)[] = [];
  const open = (index: number): void => {
    const session = connect(`http://${host}:${port}`, {
      createConnection: () => connectTcp({ host, port, localAddress: ADDRESS }),
    });
    session.on("error", () => undefined);
    session.on("close", () => {
      outcomes.count("connection closed");
      open(index);
    });
    sessions[index] = session;
  };
  for (let index = 0; index < count; index++) open(index);
  return sessions;
}

/** The body of a watch of this task. */
function watchOf({ taskId, afterSequence = 0 }: { readonly taskId: string; readonly afterSequence?: number }): Buffer {
  const message = AgentServiceService.watchTask.requestSerialize({ taskId, afterSequence, untilNow: false });
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Starts a watch and sends only its headers. Counts how it ends. */
function begin(
  session: ClientHttp2Session | undefined,
  outcomes: Outcomes,
  headers: Record<string, string>,
): ClientHttp2Stream | undefined {
  outcomes.count("begun");
  if (!session || session.destroyed || session.closed) return undefined;
  const stream = session.request({
    ":method": "POST",
    ":path": AgentServiceService.watchTask.path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined).resume();
  stream.on("response", ({ "grpc-status": status }) => outcomes.count(`status ${String(status)}`));
  stream.on("close", () => {
    if (stream.rstCode !== 0 && stream.rstCode !== constants.NGHTTP2_CANCEL) outcomes.count(`reset ${stream.rstCode}`);
  });
  return stream;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await attack(process.argv[2] ?? "");

async function attack(name: string): Promise<void> {
  const target: Target = JSON.parse(process.env["ATTACK"] ?? "");
  const outcomes = new Outcomes();
  const attacking = ATTACKS[name]?.(target, outcomes);
  if (!attacking) throw new Error(`no attack ${name}`);
  const stop = new AbortController();
  process.once("message", () => stop.abort());
  let index = 0;
  for (; index < (attacking.atOnce ?? 0); index++) attacking.step(index);
  process.send?.("begun");
  const start = performance.now();
  for (let steps = 0; !stop.signal.aborted; ) {
    const due = ((performance.now() - start) * attacking.perSecond) / 1_000;
    for (; steps < due; steps++) attacking.step(index++);
    await delay(5);
  }
  process.send?.(outcomes.counts, () => process.exit(0));
}
