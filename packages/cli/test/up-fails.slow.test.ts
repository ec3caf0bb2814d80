import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findExecutable } from "@ccsp/config";
import { DEFAULT_PORTS } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { type LocalFolder, openLocalFolder, UP } from "./local-fleet.js";
import { ccsp } from "./memory-io.js";

const TOOLS = fileURLToPath(new URL("../../../.tools/bin", import.meta.url));

describe("ccsp up that cannot start", function () {
  this.timeout(60_000);
  let folder: LocalFolder;
  beforeEach(async () => {
    folder = await openLocalFolder();
  });
  afterEach(() => folder.close());

  /** Runs `ccsp up` in both ways, with these variables. */
  const ups = async (env: Record<string, string>) => [
    await ccsp([...UP], { env: { ...folder.env, ...env } }),
    await ccsp([...UP, "--detach"], { env: { ...folder.env, ...env } }),
  ];
  const nothingStarted = async () => assert.deepEqual(await folder.redisPids(), []);

  for (const [what, env, code, message] of [
    [
      "binary",
      { CCSP_CLAUDE_CODE_BIN: "/nope" },
      2,
      /CCSP_CLAUDE_CODE_BIN names \/nope, which is not an executable file/,
    ],
    [
      "limit of the start",
      { CCSP_START_LIMIT: "forever" },
      2,
      /CCSP_START_LIMIT must be a time from 1s to 1d, such as 5m, not "forever"/,
    ],
    ["setting", { CCSP_QUEUE_SHARDS: "abc" }, 2, /CCSP_QUEUE_SHARDS must be a whole number from 1 to 64, not "abc"/],
    [
      "redis-server",
      { REDIS_SERVER_BIN: "/nope" },
      2,
      /REDIS_SERVER_BIN names \/nope, which is not an executable file/,
    ],
    ["Redis", { CCSP_REDIS_URL: "redis://127.0.0.1:1" }, 5, /CCSP_REDIS_URL: Redis at 127\.0\.0\.1:1 was not ready/],
    [
      "Consul",
      { CCSP_CONSUL_URL: "http://127.0.0.1:2" },
      5,
      /CCSP_CONSUL_URL: Consul at http:\/\/127\.0\.0\.1:2 does not answer/,
    ],
  ] as const) {
    it(`names a wrong ${what} before anything starts`, async () => {
      for (const up of await ups(env)) {
        assert.equal(up.code, code, up.stderr);
        assert.match(up.stderr, /^ccsp: the fleet cannot start: /);
        assert.match(up.stderr, message);
      }
      await nothingStarted();
    });
  }

  it("names what is wrong in the file of channels, and a folder of templates that is not there", async () => {
    const channels = join(folder.dir, "channels.yaml");
    await writeFile(channels, "channels:\n  - name: ops\n    type: pigeon\n");
    for (const up of await ups({ CCSP_NOTIFICATION_CHANNELS: channels })) {
      assert.equal(up.code, 2, up.stderr);
      assert.match(up.stderr, /^ccsp: the fleet cannot start: notification: channel ops: type: .*pigeon/m);
    }
    const [up] = await ups({ CCSP_NOTIFICATION_TEMPLATES: "/nope" });
    assert.match(up?.stderr ?? "", /^ccsp: the fleet cannot start: notification: .*\/nope/m);
    await nothingStarted();
  });

  it("names all faults of all settings together, with their lines in the settings file", async () => {
    await writeFile(join(folder.dir, "settings.env"), "CCSP_LOG_LEVEL=loud\nCCSP_QUEUE_SHARDS=abc\n");
    const { code, stderr } = await ccsp([...UP], { env: { ...folder.env, CCSP_LOG_LEVEL: "shy" } });
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `ccsp: the fleet cannot start, for 2 reasons:
  CCSP_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, not "shy"
  CCSP_QUEUE_SHARDS must be a whole number from 1 to 64, not "abc" (${folder.dir}/settings.env, line 2)
`,
    );
    await nothingStarted();
  });

  it("names the port that another program has", async () => {
    const taken = createServer().listen(DEFAULT_PORTS.monitor.grpc, "127.0.0.1");
    // An error is as good: another program of this machine has the port.
    await new Promise((resolve) => taken.once("listening", resolve).once("error", resolve));
    try {
      const { code, stderr } = await ccsp(["up", "--single"], { env: folder.env });
      assert.equal(code, 2);
      assert.match(stderr, /other programs listen on .*3003 \(monitor\).*--ports free/);
      await nothingStarted();
    } finally {
      taken.close();
    }
  });

  it("shows the first fatal line of an engine that does not work, and stops the rest", async () => {
    const engine = join(folder.dir, "claude");
    await writeFile(engine, "#!/bin/sh\nexit 3\n", { mode: 0o700 });
    const { code, stderr } = await ccsp([...UP, "--detach"], { env: { ...folder.env, CCSP_CLAUDE_CODE_BIN: engine } });
    assert.equal(code, 1);
    const why = "start failed: engine claude-code does not say its version";
    assert.match(stderr, new RegExp(`^single +failed after [\\d.]+ s: ${why}`, "m"));
    assert.match(
      stderr,
      new RegExp(`^ccsp: single did not start: ${why}[^]*^What to do: [^]*^Its log: ccsp logs single`, "m"),
    );
    assert.doesNotMatch(stderr, /ECONNREFUSED/);
    assert.equal((await folder.run("down")).stderr, "no fleet runs here\n");
  });

  it("names the part that makes no progress, what it waits for, the limit and what to do", async () => {
    const goOn = await folder.holdRedis();
    const env = { ...folder.env, CCSP_START_LIMIT: "1s" };
    const { code, stderr } = await ccsp([...UP, "--detach"], { env });
    await goOn();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^ccsp: redis did not start: .* its start made no progress for 1s: connect ECONNREFUSED .*\nWhat to do: .*CCSP_START_LIMIT, such as to 5m\nIts log: ccsp logs redis /m,
    );
  });

  it("shows how the process of a fleet in the background ended, and the end of its log as text", async () => {
    await folder.holdRedis();
    const heard: string[] = [];
    const up = await folder.spawn([...UP, "--detach"], { onLine: (line) => heard.push(line) });
    await eventually(async () => assert.equal((await folder.redisPids()).length, 1), { timeoutMs: 40_000 });
    const children = await readFile(`/proc/${up.pid}/task/${up.pid}/children`, "utf8");
    process.kill(Number(children.trim()), "SIGKILL");
    assert.equal((await up.exited).code, 1);
    assert.match(
      heard.join("\n"),
      /ccsp: the fleet did not start: its process ended \(SIGKILL\) before it was ready\n[^{}]*What to do: .*\nIts log: ccsp logs /,
    );
  });

  it("shows how a Redis that does not start ended, as JSON too", async () => {
    const env = { REDIS_SERVER_BIN: "/bin/false" };
    const { code, stderr } = await ccsp([...UP, "--detach", "--json"], { env: { ...folder.env, ...env } });
    assert.equal(code, 1);
    const [starting, failed, { error }] = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((line) => line.warning === undefined);
    assert.equal(starting.progress.state, "starting");
    assert.deepEqual([failed.progress.part, failed.progress.state], ["redis", "failed"]);
    assert.match(error.message, /^redis did not start: .*\(exit 1\)\nWhat to do: .*REDIS_SERVER_BIN/);
  });

  it("says why Redis refuses its users, not what it warns of at each start", async () => {
    const [acl, redis] = [join(folder.dir, "users.acl"), join(folder.dir, "redis-server")];
    await writeFile(acl, "user queue on nopass +client|setting-of-a-later-release\n");
    const { REDIS_SERVER_BIN: named, PATH } = process.env;
    const real = named || findExecutable("redis-server", `${PATH}:${TOOLS}`);
    await writeFile(redis, `#!/bin/sh\nexec '${real}' "$@" --aclfile '${acl}'\n`, { mode: 0o700 });
    const { code, stderr } = await ccsp([...UP, "--detach"], { env: { ...folder.env, REDIS_SERVER_BIN: redis } });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^ccsp: redis did not start: .*Aborting Redis startup because of ACL errors: .*later-release/m,
    );
  });

  it("shows each part that is ready, and starts with the settings of the file", async () => {
    await writeFile(join(folder.dir, "settings.env"), "CCSP_EXECUTOR_SLOTS=3\nCCSP_WITHOUT_CONSUL=1\n");
    const up = await ccsp(["up", "--ports", "free", "--replicas", "queue=2", "--detach"], { env: folder.env });
    assert.equal(up.code, 0, up.stderr);
    assert.match(
      up.stderr,
      /^consul +not used \(CCSP_WITHOUT_CONSUL is 1\): the services find each other by fixed addresses$/m,
    );
    const ready = [...up.stderr.matchAll(/^(\S+) +ready after [\d.]+ s$/gm)].map(([, part = ""]) => part);
    assert.deepEqual(ready.toSorted(), [
      "executor-1",
      "gateway-1",
      "monitor-1",
      "notification-1",
      "queue-1",
      "queue-2",
      "redis",
    ]);
    assert.match((await folder.run("queue", "status", "--json")).stdout, /"slots":3\b/);
    assert.equal((await folder.run("run", "[[text:served]]")).stdout, "served\n");
  });
});
