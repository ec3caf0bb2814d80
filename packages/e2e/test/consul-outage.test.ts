import assert from "node:assert/strict";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { needsConsul, SERVICES } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";

/** How long Consul is down, in ms. It is short here. `CCSP_TEST_OUTAGE_MS=30000 make e2e` is the long form. */
const OUTAGE_MS = Number(process.env["CCSP_TEST_OUTAGE_MS"] ?? 3_000);

describe("Consul stopped and started again empty", function () {
  this.timeout(60_000 + OUTAGE_MS);
  let world: World;
  before(async function () {
    needsConsul(this);
    world = await startWorld({ engine: "scripted" });
  });
  after(() => world?.close());

  it("is not noticed by running clients, and every service registers again", async () => {
    const client = world.client("ann");
    await world.fleet.consul?.kill9();
    const back = Date.now() + OUTAGE_MS;
    let runs = 0;
    while (Date.now() < back || runs < 5) {
      const { ended } = await collect(client.run({ prompt: `run ${runs}` }));
      assert.equal(ended.state, "SUCCEEDED");
      runs += 1;
    }
    await world.fleet.consul?.restart();
    await eventually(async () => assert.deepEqual(await registered(world), SERVICES.toSorted()), {
      timeoutMs: 30_000,
      what: "the services to register again",
    });
    assert.equal((await collect(client.run({ prompt: "after" }))).ended.state, "SUCCEEDED");
  });
});

async function registered(world: World): Promise<string[]> {
  const { url, tokens } = world.fleet.consul;
  const headers = { "x-consul-token": tokens?.management ?? "" };
  const response = await fetch(`${url}/v1/catalog/services`, { headers });
  return Object.keys((await response.json()) as object)
    .filter((name) => name !== "consul")
    .sort();
}
