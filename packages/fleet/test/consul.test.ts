import assert from "node:assert/strict";
import { type ConsulAgent, needsConsul, startConsul } from "@ccsp/fleet";

describe("startConsul", () => {
  before(function () {
    needsConsul(this);
  });
  const agents: ConsulAgent[] = [];
  const start = async () => {
    const agent = await startConsul();
    agents.push(agent);
    return agent;
  };
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
  });

  it("starts agents beside each other that do not know each other", async () => {
    const [one, other] = await Promise.all([start(), start()]);
    await register(one, "queue");
    assert.deepEqual(await services(one), ["consul", "queue"]);
    assert.deepEqual(await services(other), ["consul"]);
  });

  it("returns empty and on the same port after kill -9 and restart", async () => {
    const agent = await start();
    await register(agent, "queue");
    await agent.kill9();
    await assert.rejects(services(agent));

    await agent.restart();
    assert.deepEqual(await services(agent), ["consul"]);
  });

  it("leaves no process behind", async () => {
    const agent = await start();
    await agent.stop();
    assert.throws(() => process.kill(agent.pid, 0), { code: "ESRCH" });
  });
});

async function register(agent: ConsulAgent, name: string): Promise<void> {
  const body = JSON.stringify({ Name: name, Port: 1 });
  const response = await fetch(`${agent.url}/v1/agent/service/register`, { method: "PUT", body });
  assert.equal(response.status, 200);
  await response.text();
}

async function services(agent: ConsulAgent): Promise<string[]> {
  const response = await fetch(`${agent.url}/v1/catalog/services?consistent`);
  const found: unknown = await response.json();
  assert.ok(typeof found === "object" && found !== null);
  return Object.keys(found).sort();
}
