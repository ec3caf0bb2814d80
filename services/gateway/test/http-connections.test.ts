import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { CallerBounds } from "@ccsp/grpc-kit";
import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { Registry } from "prom-client";
import { type HttpOptions, openHttp } from "../src/http/server.js";

describe("the HTTP server", function () {
  this.timeout(60_000);

  const open = ({ slices = [], ...more }: Partial<HttpOptions>, bounds: Partial<HttpOptions["connections"]> = {}) =>
    openHttp({
      // No path of these servers calls anything.
      ...{ agents: {} as never, operators: {} as never, guard: {} as never },
      slices,
      webSocketPath: "/ws",
      settings: {
        listen: { host: "127.0.0.1", port: 0 },
        ...{ oldPaths: false, publicUrl: undefined, origins: [], traceUrl: undefined },
      },
      callers: new CallerBounds(),
      connections: {
        ...{ streamsPerConnection: 1, connectionsPerAddress: 10, connections: 10, headerBytes: 4_096 },
        ...{ handshakeMs: 60_000, idleMs: 60_000, ageMs: 60_000 },
        ...bounds,
      },
      ...{ bodyMs: 60_000, drainMs: 1_000, lameDuckMs: 0, tls: undefined },
      log: pino({ level: "silent" }),
      ...more,
    });

  it("closes the connection of a reader who leaves an answer unread", async () => {
    const ends: string[] = [];
    const http = await open({
      slices: [
        (app) =>
          void app.get("/large", (_request, { raw }) => {
            raw.once("close", () => ends.push(raw.writableFinished ? "read" : "closed"));
            return Buffer.alloc(64 * 1024 * 1024);
          }),
      ],
      stalledMs: 500,
    });
    const reader = connect(http.port, "127.0.0.1").pause();
    reader.on("error", () => undefined);
    try {
      reader.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
      await eventually(() => assert.deepEqual(ends, ["closed"]), { timeoutMs: 30_000 });
    } finally {
      reader.destroy();
      await http.close();
    }
  });

  for (const [limit, bounds] of [
    ["handshake", { handshakeMs: 50 }],
    ["connections", { connectionsPerAddress: 0 }],
    ["all_connections", { connections: 0 }],
  ] as const)
    it(`counts a connection that it closes because of the bound ${limit}`, async () => {
      const registry = new Registry();
      const http = await open({ registry }, bounds);
      const silent = connect(http.port, "127.0.0.1").resume();
      silent.on("error", () => undefined);
      try {
        await once(silent, "close");
        const counted = (await registry.metrics()).match(/^rpc_server_refused_total.* [1-9]\d*$/gm);
        assert.deepEqual(counted, [`rpc_server_refused_total{limit="${limit}"} 1`]);
      } finally {
        silent.destroy();
        await http.close();
      }
    });
});
