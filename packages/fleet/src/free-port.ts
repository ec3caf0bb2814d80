import { createServer } from "node:net";

// The range is below every usual ephemeral range (Linux 32768+, macOS 49152+). So an outgoing connection never takes
// the port of a server that is being restarted.
const LOWEST = 20_000;
const HIGHEST = 31_999;

/**
 * Each process chooses from parts of the range that are its own. So processes which start servers at the same time, such
 * as test files side by side, never choose the same port before one of them has bound it.
 */
const PARTS = 60;
const PART = (HIGHEST - LOWEST + 1) / PARTS;

/** The ports that this process has not handed out yet, from the parts that it owns. */
const unused: number[] = [];
/** Another part is on its way. All who wait for a port share it. */
let coming: Promise<void> | undefined;

/**
 * Returns a TCP port on 127.0.0.1 on which no process listens. It never returns the same port twice in one process, and
 * no other process gets it from this function while this process lives. The port is not reserved otherwise: a program
 * that does not ask here may take it before the caller binds it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = unused.shift();
    if (port !== undefined) {
      if (await isFree(port)) return port;
      continue;
    }
    coming ??= ownPart()
      .then((ports) => void unused.push(...ports))
      .finally(() => (coming = undefined));
    await coming;
  }
}

/**
 * Takes a part of the range for as long as this process lives, and returns its ports. The sign of the owner is a server
 * on the part's lowest port, because the kernel closes it however the process ends.
 */
async function ownPart(): Promise<number[]> {
  for (let part = 0; part < PARTS; part++) {
    // Processes that start together begin at different parts.
    const lowest = LOWEST + ((process.pid + part) % PARTS) * PART;
    const owned = await new Promise<boolean>((resolve, reject) => {
      const server = createServer((socket) => socket.destroy());
      server.once("error", (error: NodeJS.ErrnoException) =>
        error.code === "EADDRINUSE" ? resolve(false) : reject(error),
      );
      server.listen({ host: "127.0.0.1", port: lowest, exclusive: true }, () => resolve(true)).unref();
    });
    if (owned) return Array.from({ length: PART - 1 }, (_, at) => lowest + 1 + at);
  }
  throw new Error(`no free ports left between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
