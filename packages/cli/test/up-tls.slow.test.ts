import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { findCertificates } from "@ccsp/certificates";
import { createClient, PLAIN } from "@ccsp/grpc-kit/client.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { scaled } from "@ccsp/testkit";
import type { FleetState } from "../src/local-fleet/state.js";
import { type LocalFolder, openLocalFolder, UP } from "./local-fleet.js";
import { ccsp } from "./memory-io.js";

describe("the certificates of ccsp up", function () {
  this.timeout(90_000);
  let folder: LocalFolder;
  beforeEach(async () => {
    folder = await openLocalFolder();
  });
  afterEach(() => folder.close());

  const state = async (): Promise<FleetState> => JSON.parse(await readFile(join(folder.dir, "fleet.json"), "utf8"));
  const names = async () => {
    const found = await findCertificates(join(folder.dir, "certificates"));
    return found.flatMap(({ certificate: { name } }) => (name ? [`${name.kind} ${name.name}`] : []));
  };
  const SERVICES = ["executor", "gateway", "monitor", "notification", "queue"].map((name) => `service ${name}`);

  it("are made by itself: tasks run, the operator has one, and a queue refuses callers without one", async () => {
    const up = await folder.run(...UP, "--detach");
    assert.equal(up.code, 0, up.stderr);
    assert.doesNotMatch(up.stderr, /without TLS|CA file/);
    assert.equal((await folder.run("run", "[[text:safe]]")).stdout, "safe\n");
    assert.deepEqual(await names(), [...SERVICES, "operator tester"]);
    const { gateway, gatewayCaFile, services } = await state();
    assert.match(gateway, /^127\.0\.0\.1:/);
    assert.equal(gatewayCaFile, undefined);
    const port = services.find(({ name }) => name === "queue")?.ports.grpc;
    const stranger = createClient(QueueServiceService, `127.0.0.1:${port}`, { credentials: PLAIN.channel });
    await assert.rejects(stranger.getStatus({}, { timeoutMs: scaled(3_000) }), { code: 14 });
    stranger.close();
  });

  it("let other machines reach the gateway by TLS: ccsp up names the CA file, and ccsp uses it", async () => {
    const env = { ...folder.env, CCSP_GATEWAY_LISTEN: "0.0.0.0:0" };
    const up = await ccsp([...UP, "--detach"], { env });
    assert.equal(up.code, 0, up.stderr);
    const file = join(folder.dir, "certificates", "gateway-public", "ca.crt");
    assert.ok(up.stderr.includes(`agents on other machines need this CA file: ${file} `), up.stderr);
    assert.equal((await state()).gatewayCaFile, file);
    assert.equal((await folder.run("run", "[[text:safe]]")).stdout, "safe\n");
    const { gateway } = await state();
    const token = (await folder.run("token", "create", "--agent", "a")).stdout.trim();
    const elsewhere = { PATH: "/bin", CCSP_STATE_DIR: join(folder.dir, "none"), CCSP_TOKEN: token };
    const asked = await ccsp(["list", "--gateway", gateway, "--ca-file", file], { env: elsewhere });
    assert.equal(asked.code, 0, asked.stderr);
    assert.equal((await ccsp(["list", "--gateway", gateway], { env: elsewhere })).code, 5);
  });

  it("are those of the person who names others, and then the fleet makes none of its own", async () => {
    const mine = join(folder.dir, "mine");
    assert.equal((await folder.run("certs", "init", mine)).code, 0);
    const settings = ["gateway", "queue", "executor", "monitor", "notification"].map((name) => [
      `CCSP_${name.toUpperCase()}_TLS_DIR`,
      join(mine, name),
    ]);
    const env = { ...folder.env, ...Object.fromEntries(settings) };
    const up = await ccsp([...UP, "--detach"], { env });
    assert.equal(up.code, 0, up.stderr);
    assert.equal((await folder.run("run", "[[text:safe]]")).stdout, "safe\n");
    await assert.rejects(names(), /there is no file or folder/);
  });

  it("need a CA that is whole: otherwise nothing starts, and the message says what to do", async () => {
    const certificates = join(folder.dir, "certificates");
    await folder.run("certs", "init");
    await rm(join(certificates, "ca.key"));
    const { code, stderr } = await folder.run(...UP);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /ca\.key is missing\. Put the file back, or delete .*certificates: then `ccsp up` makes a new CA/,
    );
  });

  it("are checked before the start: a faulty address of the gateway is named", async () => {
    const { code, stderr } = await ccsp([...UP], { env: { ...folder.env, CCSP_GATEWAY_LISTEN: "everywhere" } });
    assert.equal(code, 2);
    assert.match(stderr, /CCSP_GATEWAY_LISTEN/);
  });
});
