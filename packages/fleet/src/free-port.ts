import { createServer } from "node:net";

// The range is below every usual ephemeral range (Linux 32768+, macOS 49152+). So an outgoing connection never takes
// the port of a server that is being restarted.
const LOWEST = 20_000;
const HIGHEST = 31_999;

/**
 * Each process chooses from a part of the range that follows from its id, so that processes which start servers at the
 * same time, such as test files side by side, seldom choose the same port before one of them has bound it.
 */
const PARTS = 60;
const PART = (HIGHEST - LOWEST + 1) / PARTS;

const handedOut = new Set<number>();

/**
 * Returns a TCP port on 127.0.0.1 on which no process listens. It never returns the same port twice in one process. The
 * port is not reserved: another process may take it before the caller binds it. The choice by process id, and then at
 * random, makes that rare.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const ownPart = attempt < 200;
    const lowest = ownPart ? LOWEST + (process.pid % PARTS) * PART : LOWEST;
    const port = lowest + Math.floor(Math.random() * (ownPart ? PART : HIGHEST - LOWEST + 1));
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new Error(`no free port found between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
