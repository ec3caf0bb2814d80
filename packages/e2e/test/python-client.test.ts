import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skip } from "@ccsp/testkit";
import { startWorld, type World } from "../src/world.js";

const run = promisify(execFile);
const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("python_client.py", import.meta.url));
const PROTOS = fileURLToPath(new URL("../../../proto", import.meta.url));

describe("a Python client generated from the same protos", function () {
  this.timeout(60_000);
  let world: World | undefined;
  before(async function () {
    try {
      await run(PYTHON, ["-c", "import grpc, grpc_tools"]);
    } catch {
      skip(this, "Python's gRPC is not installed (Debian: python3-grpcio and python3-grpc-tools)");
    }
    world = await startWorld({ engine: "scripted" });
  });
  after(() => world?.close());

  it("submits a task, watches it to its end, and is refused without a token", async () => {
    assert.ok(world);
    const env = { CCSP_TOKEN: await world.token("python") };
    const { stdout } = await run(PYTHON, [SCRIPT, PROTOS, world.fleet.gatewayAddress], { env });
    assert.match(stdout, /^submitted /m);
    assert.match(stdout, /SUCCEEDED .*hello from python/);
    assert.match(stdout, /without a token: UNAUTHENTICATED/);
  });
});
