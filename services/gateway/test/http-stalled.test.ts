import assert from "node:assert/strict";
import { connect } from "node:net";
import { CallerBounds } from "@ccsp/grpc-kit";
import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { openHttp } from "../src/http/server.js";

describe("the HTTP server", function () {
  this.timeout(60_000);

  it("closes the connection of a reader who leaves an answer unread", async () => {
    const ends: string[] = [];
    const http = await openHttp({
      // The only path of this server calls nothing.
      ...{ agents: {} as never, operators: {} as never, guard: {} as never },
      slices: [
        (app) =>
          void app.get("/large", (_request, { raw }) => {
            raw.once("close", () => ends.push(raw.writableFinished ? "read" : "closed"));
            return Buffer.alloc(64 * 1024 * 1024);
          }),
      ],
      webSocketPath: "/ws",
      settings: {
        listen: { host: "127.0.0.1", port: 0 },
        ...{ oldPaths: false, publicUrl: undefined, origins: [], traceUrl: undefined },
      },
      callers: new CallerBounds(),
      connections: {
        ...{ streamsPerConnection: 1, connectionsPerAddress: 10, connections: 10, headerBytes: 4_096 },
        ...{ handshakeMs: 60_000, idleMs: 60_000, ageMs: 60_000 },
      },
      stalledMs: 500,
      ...{ bodyMs: 60_000, drainMs: 1_000, lameDuckMs: 0, tls: undefined },
      log: pino({ level: "silent" }),
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
});
