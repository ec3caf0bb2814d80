import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, folderFor, keepCertificates } from "@ccsp/certificates";
import { implementSome, serveGrpc, serverTls } from "@ccsp/grpc-kit";
import { readTlsFolder } from "@ccsp/grpc-kit/client.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import pino from "pino";
import { saveFleet, stateDir } from "../src/local-fleet/state.js";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp } from "./memory-io.js";

describe("a gateway behind TLS", () => {
  let dir: string;
  let caFile: string;
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-tls-"));
    const name = { kind: "service", name: "gateway" } as const;
    const folder = folderFor(dir, name);
    await keepCertificates(await createAuthority(dir), [{ folder, name }]);
    const { certificate, key } = readTlsFolder(folder);
    caFile = join(folder, "ca.crt");
    gateway = await startFakeAgentService({ credentials: serverTls({ certificate, key }) });
  });
  after(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  const at = (line: string, env: Readonly<Record<string, string>> = {}) =>
    ccsp(line.split(" "), { env: { CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "t", CCSP_STATE_DIR: dir, ...env } });
  const commands = ["list", "queue status", "whoami", "status"];

  for (const command of commands) {
    it(`answers ${command} to somebody who trusts its authority, by --ca-file or CCSP_CA_FILE`, async () => {
      const byOption = await at(`${command} --ca-file ${caFile}`);
      assert.equal(byOption.code, 0, byOption.stderr);
      assert.equal((await at(command, { CCSP_CA_FILE: caFile })).code, 0);
    });
  }

  it("gets no token when the authority that the caller trusts is another one, or those of the machine", async () => {
    const other = join(dir, "other");
    await createAuthority(other);
    const before = gateway.tokens.length;
    for (const line of [
      `list --ca-file ${other}/ca.crt`,
      `whoami --ca-file ${other}/ca.crt`,
      "list --ca-file system",
    ]) {
      const { code, stderr } = await at(line);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /certificate/);
    }
    assert.equal(gateway.tokens.length, before);
  });

  it("is not reached without a CA file, and a file that is missing or is not a CA is refused by its name", async () => {
    for (const command of ["list", "whoami"]) {
      const { code, stderr } = await at(command);
      assert.equal(code, 5);
      assert.match(stderr, /^ccsp: no gateway could be reached at 127\.0\.0\.1:\d+: .* does it need TLS\?\n$/, command);
    }
    const missing = await at(`whoami --ca-file ${join(dir, "nothing")}`);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /--ca-file \S+nothing: there is no such file/);
    const garbage = join(dir, "garbage");
    await writeFile(garbage, "no certificate");
    const { code, stderr } = await at(`list --ca-file ${garbage}`);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--ca-file \S+garbage: it is not a list of certificates in PEM/);
  });
});

describe("a gateway of release 0.2.0", () => {
  it("takes no commands of operators, which say that it has to be upgraded first", async () => {
    const server = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      log: pino({ level: "silent" }),
      lameDuckMs: 0,
      drainMs: 1_000,
      services: [implementSome(AgentServiceService, {})],
    });
    try {
      const env = { CCSP_GATEWAY: `127.0.0.1:${server.port}`, CCSP_TOKEN: "t" };
      for (const line of ["whoami", "queue status --watch"]) {
        const { code, stderr } = await ccsp(line.split(" "), { env });
        assert.equal(code, 1);
        assert.match(stderr, /^ccsp: the gateway at \S+ is of release 0\.2\.0 or older .* upgrade it first\n$/);
      }
    } finally {
      await server.close();
    }
  });
});

describe("the token of somebody who gives none", () => {
  let dir: string;
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let fleet: ChildProcess;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-token-"));
    await writeFile(join(dir, "jwt.secret"), "a secret of this test and of nothing else\n");
    gateway = await startFakeAgentService();
    fleet = spawn(process.execPath, ["-e", "process.stdin.resume()", "--", "/somewhere/ccsp.js", "up"], { env: {} });
    await once(fleet, "spawn");
    const running = { pid: fleet.pid ?? 0, ready: true, gateway: gateway.target, services: [] };
    await saveFleet(stateDir({ CCSP_STATE_DIR: dir }), running);
  });
  afterEach(async () => {
    await endFleet();
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  const endFleet = async () => {
    if (fleet.exitCode !== null || fleet.signalCode !== null) return;
    fleet.kill();
    await once(fleet, "exit");
  };
  const list = (target: string, env = {}) =>
    ccsp(["list", "--gateway", target], { env: { CCSP_STATE_DIR: dir, USER: "ada", ...env } });

  it("is made with the secret of the local fleet while the fleet runs with this gateway", async () => {
    const { code, stderr } = await list(gateway.target);
    assert.equal(code, 0, stderr);
    assert.equal(gateway.tokens.length, 1);
  });

  it("is not made for a program that has the address of the gateway after the fleet has ended", async () => {
    await endFleet();
    const { code, stderr } = await list(gateway.target);
    assert.equal(code, 3);
    assert.match(stderr, /no token: .* no fleet of yours runs at 127\.0\.0\.1:\d+\n$/);
    assert.deepEqual(gateway.tokens, []);
  });

  it("is not made for another gateway, here or elsewhere, and not for a name that may lead to another one", async () => {
    const port = gateway.target.replace(/^.*:/, "");
    for (const other of [
      "127.0.0.1:1",
      `localhost:${port}`,
      `[::1]:${port}`,
      `dns:///localhost:${port}`,
      "gateway.example:3000",
      "127.0.0.1.example:1",
    ]) {
      const { code, stderr } = await list(other);
      assert.deepEqual([code, /no token/.test(stderr)], [3, true], other);
    }
    assert.deepEqual(gateway.tokens, []);
  });

  it("is made for each gateway to which a person gives the secret", async () => {
    await endFleet();
    const { code, stderr } = await list(gateway.target, { CCSP_JWT_SECRET_FILE: join(dir, "jwt.secret") });
    assert.equal(code, 0, stderr);
    assert.equal(gateway.tokens.length, 1);
  });
});
