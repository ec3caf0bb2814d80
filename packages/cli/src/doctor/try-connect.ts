import { once } from "node:events";
import { connect } from "node:net";
import type { HostPort } from "@ccsp/config";

const ANSWER_MS = 3_000;

/** Opens a connection and closes it. Rejects if nobody accepts it within 3 s. */
export async function tryConnect({ host, port }: HostPort): Promise<void> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(ANSWER_MS) });
  } finally {
    socket.destroy();
  }
}
