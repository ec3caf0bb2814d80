import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConsulSettings } from "@ccsp/config";
import { type ConsulAgent, type ConsulTokens, freePort, needsConsul, openConsulTokens, startConsul } from "@ccsp/fleet";
import { type Authority, createAuthority, eventually } from "@ccsp/testkit";
import { type Announcement, announce, findInstances, registerSchemes } from "../src/index.js";
import { Fixture, log } from "./fixture.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const OPS = { host: "127.0.0.1", port: 1 };

describe("a Consul with TLS that denies by default", function () {
  this.timeout(60_000);
  const fixture = new Fixture();
  let dir: string;
  let authority: Authority;
  let agent: ConsulAgent;
  let tokens: ConsulTokens;
  let url: string;
  let caFile: string;
  const open: Announcement[] = [];

  before(async function () {
    needsConsul(this);
    authority = await createAuthority(this);
    dir = await mkdtemp(join(tmpdir(), "ccsp-consul-tls-"));
    caFile = join(dir, "ca.crt");
    const { certificate, key } = await authority.issue("localhost");
    await Promise.all([
      writeFile(caFile, authority.ca),
      writeFile(join(dir, "tls.crt"), certificate),
      writeFile(join(dir, "tls.key"), key),
    ]);
    const httpsPort = await freePort();
    const tls = join(dir, "tls.json");
    const files = { ca_file: caFile, cert_file: join(dir, "tls.crt"), key_file: join(dir, "tls.key") };
    await writeFile(tls, JSON.stringify({ ports: { https: httpsPort }, ...files, verify_incoming: false }));
    tokens = await openConsulTokens({ root: ROOT, dir: join(dir, "tokens") });
    agent = await startConsul({ tokens, args: ["-config-file", tls] });
    url = `https://localhost:${httpsPort}`;
  });
  afterEach(async () => {
    for (const announcement of open.splice(0)) await announcement.close();
    await fixture.close();
  });
  after(async () => {
    await agent?.stop();
    await authority?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const register = async (name: string, consul: ConsulSettings): Promise<void> => {
    open.push(await announce({ consul, name, id: name, host: "127.0.0.1", port: 1, ops: OPS, log }));
  };

  it("lists a service that registers with its own token, and channels find it", async () => {
    const as = (service: "queue" | "executor"): ConsulSettings => ({ url, caFile, tokenFile: tokens.fileOf(service) });
    const { port } = await fixture.start("a", as("queue"), "queue");
    const instances = () => findInstances({ consul: as("executor"), name: "queue" });
    // Consul answers before its catalog shows the change.
    await eventually(async () => assert.deepEqual(await instances(), [`127.0.0.1:${port}`]));
    fixture.own(registerSchemes({ consul: as("executor"), log }));
    assert.equal(await fixture.connect("consul:///queue").whoAnswers(), "a");
  });

  it("lists no service that registers without a token, with a wrong one, or as another service", async () => {
    const executor = await readFile(tokens.fileOf("executor"), "utf8");
    for (const token of [undefined, "00000000-0000-0000-0000-000000000000", executor])
      await register("queue", { url, caFile, token });
    const consul = { url, caFile, token: tokens.management };
    assert.deepEqual(await findInstances({ consul, name: "queue" }), []);
  });

  it("says that a token has no rights, and that a certificate is of an unknown authority", async () => {
    const wrong = { url, caFile, token: "00000000-0000-0000-0000-000000000000" };
    await assert.rejects(
      findInstances({ consul: wrong, name: "queue" }),
      /answered 403: .*ACL not found.*CCSP_CONSUL_TOKEN_FILE needs a token with the policies of deploy\/consul/,
    );
    await assert.rejects(
      findInstances({ consul: { url, token: tokens.management }, name: "queue" }),
      /does not answer: .*self.signed|unable to (get|verify)/,
    );
  });

  it("uses a replaced token without a restart", async () => {
    const tokenFile = join(dir, "rotated.token");
    await writeFile(tokenFile, "00000000-0000-0000-0000-000000000000");
    const { port } = await fixture.start("queue", { url, caFile, tokenFile }, "queue");
    const consul = { url, caFile, token: tokens.management };
    assert.deepEqual(await findInstances({ consul, name: "queue" }), []);
    await writeFile(tokenFile, `${await readFile(tokens.fileOf("queue"), "utf8")}\n`);
    await eventually(
      async () => assert.deepEqual(await findInstances({ consul, name: "queue" }), [`127.0.0.1:${port}`]),
      {
        timeoutMs: 10_000,
        what: "the registration",
      },
    );
  });
});
