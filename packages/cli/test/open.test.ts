import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { ccsp } from "./memory-io.js";

const SECRET = "a secret of this test and of nothing else";
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const run = promisify(execFile);

describe("ccsp open", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let queue: ServiceProcess;
  let gateway: ServiceProcess;
  let dir: string;
  let env: Record<string, string>;

  const start = (name: string, more: Record<string, string>) =>
    startServiceProcess({
      name,
      folder: fileURLToPath(new URL(`../../../services/${name}`, import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s", ...more },
    });
  before(async () => {
    redis = await startRedis();
    queue = await start("queue", {});
    gateway = await start("gateway", { CCSP_QUEUE_TARGET: queue.address, CCSP_JWT_SECRET: SECRET });
  });
  after(async () => {
    await gateway?.stop();
    await queue?.stop();
    await redis?.stop();
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-open-"));
    env = { CCSP_STATE_DIR: dir, CCSP_GATEWAY: gateway.address, CCSP_GATEWAY_URL: gateway.httpAddress, PATH: dir };
  });
  afterEach(() => rm(dir, { recursive: true }));

  const tokenOf = (sub: string) =>
    new SignJWT({ scope: "tasks:read" })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(sub)
      .setAudience("ccsp")
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(SECRET));
  /** Puts a program in the place of the one that opens a browser. It writes down what it is asked to open. */
  const browser = async (exitCode: number, before = ":"): Promise<string> => {
    const program = join(dir, process.platform === "darwin" ? "open" : "xdg-open");
    await writeFile(
      program,
      `#!/bin/sh\n${before}\necho "$@" > '${dir}/asked.new'\n/bin/mv '${dir}/asked.new' '${dir}/asked'\nexit ${exitCode}\n`,
    );
    await chmod(program, 0o755);
    return join(dir, "asked");
  };
  /** Who a browser is after it has followed the link. */
  const whoIs = async (link: string): Promise<string> => {
    const opened = await fetch(link, { redirect: "manual" });
    const cookie = opened.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const session: { subject?: string } = Object(
      await (await fetch(`${gateway.httpAddress}/session`, { headers: { cookie } })).json(),
    );
    return session.subject ?? "nobody";
  };

  it("opens a browser with a link that signs the person in once, and does not contain the token", async () => {
    const asked = await browser(0);
    const token = await tokenOf("alice");
    const { code, stdout, stderr } = await ccsp(["open"], { env: { ...env, CCSP_TOKEN: token, DISPLAY: ":0" } });
    assert.deepEqual([code, stdout], [0, `opened ${gateway.httpAddress}\n`], stderr);
    const link = (await eventually(() => readFile(asked, "utf8"))).trim();
    assert.ok(link.startsWith(`${gateway.httpAddress}/session/open?code=`), link);
    assert.ok(!link.includes(token));
    assert.equal(await whoIs(link), "alice");
    assert.equal(await whoIs(link), "nobody");
  });

  it("waits for a program that takes its time to open the browser", async () => {
    const asked = await browser(0, "/bin/sleep 1");
    const shell = { ...process.env, ...env, CCSP_TOKEN: await tokenOf("alice"), DISPLAY: ":0" };
    // As a process of its own: only there nothing else keeps it alive.
    const open = () =>
      run(process.execPath, ["--import", "tsx", "--conditions=ccsp-src", MAIN, "open"], {
        env: { ...shell, PATH: dir },
      });
    assert.equal((await open()).stdout, `opened ${gateway.httpAddress}\n`);
    assert.match(await eventually(() => readFile(asked, "utf8")), /session\/open\?code=/);
    await browser(3, "/bin/sleep 1");
    // The command waits two seconds. On a busy machine, the program may need longer to say that it cannot.
    await eventually(async () => assert.match((await open()).stderr, /there is no browser here/));
  });

  it("prints the link if asked to, and where there is no screen or no browser", async () => {
    const asked = await browser(3);
    const signed = { ...env, CCSP_TOKEN: await tokenOf("alice") };
    const printed = await ccsp(["open", "--print"], { env: { ...signed, DISPLAY: ":0" } });
    assert.deepEqual([printed.code, printed.stderr], [0, ""]);
    assert.equal(await whoIs(printed.stdout.trim()), "alice");
    await assert.rejects(readFile(asked), { code: "ENOENT" });
    const json = await ccsp(["open", "--print", "--json"], { env: signed });
    assert.equal(await whoIs(JSON.parse(json.stdout).url), "alice");

    for (const where of [{ DISPLAY: ":0" }, { DISPLAY: ":0", PATH: "/nowhere" }, {}]) {
      const { code, stdout, stderr } = await ccsp(["open"], { env: { ...signed, ...where } });
      assert.equal(code, 0);
      assert.match(stderr, /there is no browser here/);
      assert.equal(await whoIs(stdout.trim()), "alice");
    }
  });

  it("opens the dashboard itself without a token, so that the person signs in there", async () => {
    const { code, stdout } = await ccsp(["open", "--print"], { env });
    assert.deepEqual([code, stdout], [0, `${gateway.httpAddress}\n`]);
  });

  it("says what is wrong: a token that is refused, an address that is not safe, is missing or does not answer", async () => {
    const signed = { ...env, CCSP_TOKEN: await tokenOf("alice") };
    for (const [args, more, code, message] of [
      ["", { CCSP_TOKEN: "forged" }, 3, /gives no link to sign in: the token is not a JWT/],
      ["--url http://ccsp.example", {}, 2, /it is not an https URL, nor an http URL of this machine/],
      ["--url ccsp.example", {}, 2, /it is not an https URL/],
      ["", { CCSP_GATEWAY_URL: "" }, 2, /give --url or CCSP_GATEWAY_URL/],
      ["--url http://127.0.0.1:1", {}, 5, /http:\/\/127\.0\.0\.1:1 does not answer/],
      ["", { CCSP_GATEWAY: "", CCSP_GATEWAY_URL: "" }, 5, /no fleet runs here/],
    ] as const) {
      const line = ["open", "--print", ...args.split(" ").filter(Boolean)];
      const outcome = await ccsp(line, { env: { ...signed, ...more } });
      assert.equal(outcome.code, code, `${line.join(" ")}: ${outcome.stderr}`);
      assert.match(outcome.stderr, message);
      assert.equal(outcome.stdout, "");
    }
  });
});
