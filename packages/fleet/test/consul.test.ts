import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConsulAgent, type ConsulOptions, needsConsul, openConsulTokens, startConsul } from "@ccsp/fleet";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe("startConsul", () => {
  before(function () {
    needsConsul(this);
  });
  const agents: ConsulAgent[] = [];
  const start = async (options: ConsulOptions = {}) => {
    const agent = await startConsul(options);
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

  it("lets each service's token register that service and read all, and nothing more, also after a restart", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-consul-"));
    try {
      const tokens = await openConsulTokens({ root: ROOT, dir });
      const agent = await start({ tokens });
      await agent.kill9();
      await agent.restart();
      const queue = await readFile(tokens.fileOf("queue"), "utf8");
      assert.equal(await put(agent, "queue", queue), 200);
      assert.equal(await put(agent, "gateway", queue), 403);
      assert.equal(await put(agent, "queue", ""), 403);
      const executor = await readFile(tokens.fileOf("executor"), "utf8");
      assert.deepEqual(await services(agent, executor, "agent"), ["queue"]);
      assert.deepEqual(await services(agent, "", "agent"), []);
      const open = (await readdir(dir)).filter((name) => (statSync(join(dir, name)).mode & 0o077) !== 0);
      assert.deepEqual(open, []);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("leaves no process behind", async () => {
    const agent = await start();
    await agent.stop();
    assert.throws(() => process.kill(agent.pid, 0), { code: "ESRCH" });
  });
});

async function register(agent: ConsulAgent, name: string): Promise<void> {
  assert.equal(await put(agent, name), 200);
}

async function put(agent: ConsulAgent, name: string, token = ""): Promise<number> {
  const response = await fetch(`${agent.url}/v1/agent/service/register`, {
    method: "PUT",
    headers: { "x-consul-token": token },
    body: JSON.stringify({ Name: name, Port: 1 }),
  });
  await response.text();
  return response.status;
}

async function services(agent: ConsulAgent, token = "", of = "catalog"): Promise<string[]> {
  const headers = { "x-consul-token": token };
  const response = await fetch(`${agent.url}/v1/${of}/services?consistent`, { headers });
  const found: unknown = await response.json();
  assert.ok(typeof found === "object" && found !== null);
  return Object.keys(found).sort();
}
