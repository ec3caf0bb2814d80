import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { MEASURED } from "@ccsp/fuzz/memory.js";
import { NO_LIMITS } from "../src/no-limits.js";
import { accessMatrix } from "./one-fleet/access-matrix.js";
import { badInput } from "./one-fleet/bad-input.js";
import { liveFuzz } from "./one-fleet/live-fuzz.js";
import { restAccess } from "./one-fleet/rest-access.js";
import { restClient } from "./one-fleet/rest-client.js";
import { restFuzz } from "./one-fleet/rest-fuzz.js";
import { restV1 } from "./one-fleet/rest-v1.js";
import { upgradeClient } from "./one-fleet/upgrade-client.js";

// The start of a fleet costs more than most of what is asked of it, so suites that harm no service share one. The first
// suite counts all tasks. The last three make calls of every kind, and leave holds and pauses behind.
describe("one fleet for many suites", function () {
  this.timeout(120_000);
  let fleet: World;
  before(async () => {
    fleet = await startWorld({
      engine: "scripted",
      nodeOptions: MEASURED,
      // Suites are many callers, which fail to log in and leave calls, but they are not an attack. On a busy machine,
      // this process may rest for seconds between a connection and its first byte.
      env: { ...NO_LIMITS, CCSP_GATEWAY_ABANDONED_CALLS: "10000", CCSP_GATEWAY_HANDSHAKE_TIMEOUT: "10m" },
    });
  });
  after(() => fleet?.close());

  const world = (): World => fleet;
  restV1(world);
  upgradeClient(world);
  restClient(world);
  badInput(world);
  liveFuzz(world);
  accessMatrix(world);
  restAccess(world);
  restFuzz(world);
});
