import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { approveInBrowser, type OidcIssuer, startOidcIssuer } from "@ccsp/oidc-issuer";

const CCSP = fileURLToPath(new URL("../../cli/bin/ccsp.js", import.meta.url));
const PEOPLE = { ada: { groups: ["dev"] }, bob: { groups: ["guests"] } };

describe("people of an OIDC issuer, with a whole fleet", function () {
  this.timeout(90_000);
  let issuer: OidcIssuer;
  let world: World;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-people-"));
    issuer = await startOidcIssuer({ people: PEOPLE });
    world = await startWorld({
      engine: "scripted",
      env: { CCSP_OIDC_ISSUER: issuer.url, CCSP_OIDC_AUDIENCE: "ccsp", CCSP_OIDC_ROLES: "dev=operator" },
    });
  });
  after(async () => {
    await world?.close();
    await issuer.stop();
    await rm(folder, { recursive: true });
  });

  const envOf = (person: string) => ({
    PATH: process.env["PATH"] ?? "",
    CCSP_STATE_DIR: join(folder, person),
    CCSP_GATEWAY: world.fleet.gatewayAddress,
    CCSP_OIDC_ISSUER: issuer.url,
    CCSP_OIDC_CLIENT_ID: "ccsp",
  });

  const ccsp = (person: string, ...args: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [CCSP, ...args], { env: envOf(person) }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });

  /** Runs `ccsp login`, and does in a browser what it says. */
  async function logIn(person: string): Promise<void> {
    const child = spawn(process.execPath, [CCSP, "login"], {
      env: envOf(person),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = new Promise((resolve) => child.once("exit", resolve));
    for await (const line of createInterface(child.stdout)) {
      const page = /^open (\S+)/.exec(line)?.[1];
      if (page !== undefined) await approveInBrowser(page, person);
    }
    assert.equal(await exit, 0);
  }

  it("operate it with the roles of their groups, under names of their own", async () => {
    await logIn("ada");
    const paused = await ccsp("ada", "pause", "all", "--why", "a release");
    assert.equal(paused.code, 0, paused.stderr);
    const queue = queueClient(world);
    try {
      const { gates } = await queue.getStatus({});
      assert.deepEqual(
        gates.map(({ who }) => who),
        ["oidc.ada"],
      );
    } finally {
      queue.close();
    }
    assert.equal((await ccsp("ada", "resume", "all")).code, 0);
  });

  it("own the tasks that they submit: an agent with the same name does not see them", async () => {
    const { code, stdout, stderr } = await ccsp("ada", "run", "hello", "--quiet");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /hello/);
    for await (const task of world.client("ada").list()) assert.fail(`the agent ada sees ${task.id}`);
    assert.match((await ccsp("ada", "list", "-o", "name")).stdout, /\w{26}/);
  });

  it("may do nothing without a group that has a role", async () => {
    await logIn("bob");
    const { code, stderr } = await ccsp("bob", "pause", "all", "--why", "a try");
    assert.equal(code, 3);
    assert.match(stderr, /operator oidc\.bob may not do this: no group of this person gives the scope queue:manage/);
  });
});
