import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, serviceSettings } from "@ccsp/config";
import { askHealth, freePort } from "@ccsp/fleet";
import { CallError } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { pino } from "pino";
import { runService, type ServiceDefinition, startService } from "../src/index.js";

const log = pino({ level: "silent" });

describe("startService", () => {
  /**
   * Runs a service that starts so, and stops it when it is ready. Resolves to its exit code and to its last state
   * before.
   */
  async function run(opsPort: number, start: ServiceDefinition<never>["start"]) {
    const listen = { CCSP_X_LISTEN: "127.0.0.1:0", CCSP_X_OPS_LISTEN: `127.0.0.1:${opsPort}`, CCSP_LAME_DUCK: "0ms" };
    const { config } = load(listen, (settings) => ({
      service: serviceSettings(settings, { name: "x", grpcPort: 1, opsPort: 2, callers: "agents" }),
    }));
    const stop = new AbortController();
    let last = "";
    const code = await runService(
      log,
      async (context) => {
        await startService({ name: "x", summary: "", define: () => config, start }, config, context);
        last = (await askHealth(opsPort, 3_000)).state;
        stop.abort();
      },
      { stop: stop.signal, handleSignals: false },
    );
    return { code, last };
  }

  it("makes a service ready when its whole start is done, and draining before anything closes", async () => {
    const port = await freePort();
    const states: string[] = [];
    const look = async () => void states.push((await askHealth(port, 3_000)).state);
    const { code, last } = await run(port, async (_, { open, serveOps, serveGrpc }) => {
      await serveOps({});
      await serveGrpc([]);
      await open("last", { close: look });
      await look();
    });
    assert.deepEqual([code, last, states], [0, "ready", ["starting", "draining"]]);
  });

  it("connects to an address over the network only, whatever another service gave for it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-address-"));
    let asked = 0;
    // `unix:80` has the form of host and port. To gRPC it is the socket `80` of the working folder.
    const server = createServer((socket) => void ((asked += 1), socket.destroy())).listen(join(folder, "80"));
    await once(server, "listening");
    const before = process.cwd();
    process.chdir(folder);
    try {
      const { code } = await run(await freePort(), async (_, { connect, serveOps }) => {
        await serveOps({});
        const client = connect(QueueServiceService, "unix:80");
        await assert.rejects(client.getStatus({}, { timeoutMs: 2_000 }), CallError);
        client.close();
      });
      assert.deepEqual([code, asked], [0, 0]);
    } finally {
      process.chdir(before);
      server.close();
      await rm(folder, { recursive: true });
    }
  });

  it("serves no gRPC port without an ops port, since Consul would ask in vain", async () => {
    const { code } = await run(await freePort(), async (_, { serveGrpc }) => void (await serveGrpc([])));
    assert.equal(code, 1);
  });
});
