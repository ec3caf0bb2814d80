import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@ccsp/testkit";
import { type LocalFolder, openLocalFolder, UP } from "./local-fleet.js";
import { ccsp } from "./memory-io.js";

interface FleetFile {
  readonly pid: number;
  readonly ready: boolean;
}

describe("ccsp up in its folder", function () {
  this.timeout(180_000);
  let folder: LocalFolder;
  beforeEach(async () => {
    folder = await openLocalFolder();
  });
  afterEach(() => folder.close());

  const fleetFile = async (): Promise<FleetFile> => JSON.parse(await readFile(join(folder.dir, "fleet.json"), "utf8"));
  /** A fleet that takes over waits first, until what the killed one left has drained. */
  const untilReady = (pid?: number) =>
    eventually(
      async () => {
        const fleet = await fleetFile();
        assert.deepEqual(fleet, { ...fleet, ready: true, ...(pid && { pid }) });
      },
      { timeoutMs: 120_000, what: "a ready fleet" },
    );

  it("is the only one of two that start at the same time: the other is refused, and removes nothing", async () => {
    const goOn = await folder.holdRedis();
    const first = await folder.spawn(UP);
    await eventually(async () => assert.equal((await folder.redisPids()).length, 1));
    for (const more of [[], ["--detach"]]) {
      const heard: string[] = [];
      const second = await folder.spawn([...UP, ...more], { onLine: (line) => heard.push(line) });
      await eventually(() =>
        assert.match(heard.join("\n"), new RegExp(`another \`ccsp up\` \\(pid ${first.pid}\\) is starting`)),
      );
      assert.deepEqual(await second.exited, { code: 2, signal: null });
    }
    await goOn();
    await untilReady();
    assert.equal((await fleetFile()).pid, first.pid);
    assert.equal((await folder.redisPids()).length, 1);
    assert.equal((await folder.run("run", "hello")).code, 0);
    await first.stop(30_000);
    await assert.rejects(fleetFile(), { code: "ENOENT" });
  });

  it("takes the folder of a killed fleet only when its Redis has ended, and continues with its data", async () => {
    const killed = await folder.spawn(UP);
    await untilReady();
    const id = (await folder.run("submit", "kept")).stdout.trim();
    const [redis = 0] = await folder.redisPids();
    process.kill(redis, "SIGSTOP");
    killed.kill("SIGKILL");
    await killed.exited;
    const heard: string[] = [];
    const next = await folder.spawn(UP, { onLine: (line) => heard.push(line) });
    await eventually(() =>
      assert.match(heard.join("\n"), /waiting for processes that a killed fleet has left running/),
    );
    assert.deepEqual(await folder.redisPids(), [redis]);
    process.kill(redis, "SIGCONT");
    await untilReady(next.pid);
    assert.equal((await folder.run("get", id)).code, 0);
  });

  it("keeps the log of the previous fleet, and makes folders and files private, also existing ones", async () => {
    await mkdir(join(folder.dir, "data", "redis"), { recursive: true, mode: 0o755 });
    await chmod(folder.dir, 0o755);
    for (const name of ["fleet.log", "notifications.jsonl", "data/redis/dump.rdb.old"]) {
      await writeFile(join(folder.dir, name), name === "fleet.log" ? "an audit line\n" : "", { mode: 0o644 });
    }
    assert.equal((await folder.run(...UP, "--detach")).code, 0);
    assert.equal((await folder.run("run", "hello")).code, 0);
    const open: string[] = [];
    for (const name of ["", ...(await readdir(folder.dir, { recursive: true }))]) {
      // The running fleet may remove files meanwhile.
      const mode = await stat(join(folder.dir, name)).then(
        (info) => info.mode,
        () => 0,
      );
      if (name.startsWith("redis-server.")) continue; // this test made it
      if ((mode & 0o077) !== 0) open.push(name);
    }
    assert.deepEqual(open, []);
    assert.match((await folder.run("logs", "-n", "100000")).stdout, /an audit line[^]*ready/);
  });

  it("serves while its log can not be written", async () => {
    await symlink("/dev/full", join(folder.dir, "fleet.log"));
    const up = await folder.run(...UP, "--detach");
    assert.equal(up.code, 0, up.stderr);
    assert.equal((await folder.run("run", "[[text:served]]")).stdout, "served\n");
  });

  it("serves while its standard output and error can not be written", async () => {
    const up = await folder.spawn(UP, { output: "/dev/full" });
    await untilReady();
    assert.equal((await folder.run("run", "[[text:served]]")).stdout, "served\n");
    assert.deepEqual(await up.stop(30_000), { code: 0, signal: null });
  });

  for (const [how, content] of [
    ["empty", ""],
    ["cut off", '{ "pid": 12'],
    ["something else", "[]"],
  ] as const) {
    it(`names a fleet.json that is ${how}, and says what to do`, async () => {
      await writeFile(join(folder.dir, "fleet.json"), content);
      for (const args of [[...UP], ["status"], ["down"], ["queue", "status"]]) {
        const { code, stderr } = await folder.run(...args);
        assert.equal(code, 1);
        assert.match(stderr, /fleet\.json is (empty|cut off or damaged).*delete the file/);
      }
    });
  }

  it("names a jwt.secret that is empty, and says what to do", async () => {
    const file = join(folder.dir, "jwt.secret");
    await writeFile(file, "\n");
    for (const [args, env] of [
      [UP, {}],
      [["list", "--gateway", "127.0.0.1:1"], { CCSP_JWT_SECRET_FILE: file }],
      [["token", "create", "--agent", "a"], {}],
    ] as const) {
      const { code, stderr } = await ccsp([...args], { env: { ...folder.env, ...env } });
      assert.equal(code, 2);
      assert.match(stderr, /jwt\.secret is empty.*`ccsp up`.*makes a new one/);
    }
  });
});
