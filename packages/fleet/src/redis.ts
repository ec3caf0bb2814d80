import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPrivateFolder } from "@ccsp/private-files";
import { findBinary } from "./binary.js";
import { freePort } from "./free-port.js";
import { START_LIMIT_MS } from "./patience.js";
import { type ManagedProcess, type OutputStream, startProcess } from "./process.js";
import type { RedisUsers } from "./redis-users.js";
import { type Restartable, restartable } from "./restartable.js";
import { untilReady } from "./until-ready.js";

export interface RedisOptions {
  /**
   * The folder for its data. Only the owner has access. The data stays after the stop. If omitted, it is a temporary
   * folder that is removed at the stop.
   */
  readonly dir?: string | undefined;
  readonly port?: number | undefined;
  /** If true, every answered write survives kill -9 (appendfsync always). If omitted, nothing is stored. */
  readonly appendOnly?: boolean | undefined;
  /** A redis.conf that Redis reads first. */
  readonly configFile?: string | undefined;
  /** The users of its ACL. If omitted, everyone on this machine may do everything. */
  readonly users?: RedisUsers | undefined;
  /** More settings in the form of the command line: `["--maxmemory", "10mb"]`. */
  readonly args?: readonly string[] | undefined;
  /** File descriptors that Redis keeps open for its whole life, for example a lock on its folder. */
  readonly keepOpen?: readonly number[] | undefined;
  /** How long it may start without progress. It works while it loads a large append-only file. */
  readonly startLimitMs?: number | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /** Called when Redis ends and no caller of this package has stopped it. */
  readonly onCrash?: (() => void) | undefined;
}

export interface RedisServer extends Restartable {
  /** With users, it has the login of `admin`, who may do everything. */
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** The URL with the login of a user of its ACL. Without users, it has no login. */
  urlFor(user: string): string;
}

// Without this umask every user could read the files of Redis. Redis has no setting for it.
const OWNER_ONLY = 0o077;

/**
 * Starts a redis-server on 127.0.0.1. Resolves when it answers. The binary is REDIS_SERVER_BIN, or the one on PATH, or
 * the one from `make setup`.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = findBinary("redis-server", "REDIS_SERVER_BIN");
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "ccsp-redis-")));
  await openPrivateFolder(dir);
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir,
    save: "",
    daemonize: "no",
    appendonly: options.appendOnly ? "yes" : "no",
    appendfsync: "always",
  };
  const args = [
    ...(options.configFile === undefined ? [] : [options.configFile]),
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    ...(options.users === undefined ? [] : ["--aclfile", options.users.aclFile]),
    ...(options.args ?? []),
  ];
  const urlFor = (user: string): string => {
    const login = options.users === undefined ? "" : `${user}:${options.users.passwordOf(user)}@`;
    return `redis://${login}127.0.0.1:${port}`;
  };

  const discard = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const start = async (): Promise<ManagedProcess> => {
    const name = `redis-server:${port}`;
    const { onLine, keepOpen } = options;
    const started = await startProcess({ name, command, args, env: {}, onLine, keepOpen, umask: OWNER_ONLY });
    await untilReady(started, { limitMs: options.startLimitMs ?? START_LIMIT_MS, check: () => ping(port) });
    return started;
  };

  const server = await restartable(start, options.onCrash).catch(async (error: unknown) => {
    await discard();
    throw error;
  });
  return {
    url: urlFor("admin"),
    port,
    dir,
    urlFor,
    get pid() {
      return server.pid;
    },
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    async stop() {
      await server.stop();
      await discard();
    },
  };
}

/** Any answer except LOADING counts: a server that asks for a password is running. */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(1_000, () => socket.destroy(new Error("no answer to PING")));
    socket.once("error", reject);
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (reply) => {
      socket.destroy();
      if (reply.toString().startsWith("-LOADING")) reject(new Error("it is loading its data"));
      else resolve();
    });
    socket.once("close", () => reject(new Error("it closed the connection")));
  });
}
