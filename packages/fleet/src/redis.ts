import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinary } from "./binary.js";
import { freePort } from "./free-port.js";
import { openPrivateFolder } from "./private-folder.js";
import { type ManagedProcess, type OutputStream, startProcess } from "./process.js";
import { type Restartable, restartable } from "./restartable.js";
import { untilReady } from "./until-ready.js";

export interface RedisOptions {
  /** Where its data goes, kept on stop; all of it is its owner's alone. A temporary folder, removed on stop, when absent. */
  readonly dir?: string | undefined;
  readonly port?: number | undefined;
  /** Every answered write survives kill -9 (appendfsync always). Off when absent, and then nothing is stored. */
  readonly appendOnly?: boolean | undefined;
  /** A redis.conf that is read first. */
  readonly configFile?: string | undefined;
  /** More settings, as on its command line: `["--maxmemory", "10mb"]`. */
  readonly args?: readonly string[] | undefined;
  /** File descriptors that it keeps open as long as it lives, such as a lock on its folder. */
  readonly keepOpen?: readonly number[] | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /** Told when it ends although nobody here asked for it. */
  readonly onCrash?: (() => void) | undefined;
}

export interface RedisServer extends Restartable {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
}

// Loading a large append-only file takes its time; a start without one takes about 20 ms.
const READY_MS = 30_000;
// Its files are everybody's to read otherwise, and no setting of its own says so.
const OWNER_ONLY = 0o077;

/** Starts a redis-server on 127.0.0.1; resolves when it answers. The binary is REDIS_SERVER_BIN, or found on PATH, or from `make setup`. */
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
    ...(options.args ?? []),
  ];

  const discard = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const start = async (): Promise<ManagedProcess> => {
    const name = `redis-server:${port}`;
    const { onLine, keepOpen } = options;
    const started = await startProcess({ name, command, args, env: {}, onLine, keepOpen, umask: OWNER_ONLY });
    await untilReady(started, { timeoutMs: READY_MS, check: () => ping(port) });
    return started;
  };

  const server = await restartable(start, options.onCrash).catch(async (error: unknown) => {
    await discard();
    throw error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
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

/** Any answer but LOADING will do: a server that asks for a password is up. */
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
