import { connect, createServer, type Socket } from "node:net";
import { freePort } from "@ccsp/fleet";

/** A network link that can fail: a TCP proxy on loopback. */
export interface Link {
  /** The two ends of the link, for example `executor-1 → replica-0`. */
  readonly name: string;
  readonly port: number;
  /** Resets every connection. New connections work. */
  reset(): void;
  /** Resets every connection, and each new one until `heal`. */
  cut(): void;
  /** Holds every byte in both directions and closes nothing, until `heal`. */
  silence(): void;
  /** Repairs the link. The held bytes arrive late. */
  heal(): void;
  close(): Promise<void>;
}

/** Opens a link on a free port. It leads to `upstreamPort` on this host. */
export async function openLink(name: string, upstreamPort: number): Promise<Link> {
  const port = await freePort();
  let state: "open" | "cut" | "silent" = "open";
  const pairs = new Set<{ flow(): void; hold(): void; reset(): void }>();

  const server = createServer({ pauseOnConnect: true }, (near) => {
    if (state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(upstreamPort, "127.0.0.1");
    const pair = join(near, far, () => state !== "silent");
    pairs.add(pair);
    near.once("close", () => pairs.delete(pair));
    if (state === "open") pair.flow();
    else pair.hold();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, resolve);
  });

  const resetAll = (): void => {
    for (const pair of pairs) pair.reset();
  };
  return {
    name,
    port,
    reset: resetAll,
    cut() {
      state = "cut";
      resetAll();
    },
    silence() {
      state = "silent";
      for (const pair of pairs) pair.hold();
    },
    heal() {
      state = "open";
      for (const pair of pairs) pair.flow();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        resetAll();
      }),
  };
}

/** Connects two sockets, so that the bytes of each go to the other. If one ends or breaks, the other does too. */
function join(near: Socket, far: Socket, mayFlow: () => boolean) {
  const forward = (from: Socket, to: Socket): void => {
    from.on("data", (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (mayFlow()) from.resume();
    });
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => to.destroy());
    // Nagle's algorithm, which joins small writes, would add 40 ms to each call.
    from.setNoDelay(true);
  };
  forward(near, far);
  forward(far, near);
  return {
    flow() {
      near.resume();
      far.resume();
    },
    hold() {
      near.pause();
      far.pause();
    },
    reset() {
      near.resetAndDestroy();
      far.resetAndDestroy();
    },
  };
}
