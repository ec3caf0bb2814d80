import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openRedisUsers, type RedisServer, startRedis } from "@ccsp/fleet";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe("startRedis", () => {
  const servers: RedisServer[] = [];
  const start = async (...options: Parameters<typeof startRedis>) => {
    const redis = await startRedis(...options);
    servers.push(redis);
    return redis;
  };
  afterEach(async () => {
    for (const redis of servers.splice(0)) await redis.stop();
  });

  it("answers as soon as it has started, and leaves neither process nor folder behind", async () => {
    const redis = await start();
    assert.equal(await call(redis.port, "SET greeting hello"), "+OK");
    const { pid } = redis;

    await redis.stop();
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    assert.equal(existsSync(redis.dir), false);
  });

  it("keeps every answered write through kill -9 when its append-only file is on", async () => {
    const redis = await start({ appendOnly: true });
    await call(redis.port, "SET task accepted");
    const first = redis.pid;

    await redis.kill9();
    await redis.restart();
    assert.notEqual(redis.pid, first);
    assert.equal(await call(redis.port, "GET task"), "$8\r\naccepted");
  });

  it("makes its folder and all files in it private, also existing ones", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ccsp-redis-test-"));
    try {
      mkdirSync(join(dir, "old"), { mode: 0o755 });
      writeFileSync(join(dir, "old", "appendonly.aof"), "", { mode: 0o644 });
      const { umask } = process;
      const before = umask();
      const redis = await start({ dir, appendOnly: true });
      await call(redis.port, "SET task accepted");
      assert.equal(umask(), before);
      const open = ["", ...readdirSync(dir, { recursive: true })].flatMap((name) => {
        const mode = statSync(join(dir, String(name))).mode & 0o777;
        return (mode & 0o077) === 0 ? [] : [`${String(name)} ${mode.toString(8)}`];
      });
      assert.deepEqual(open, []);
    } finally {
      for (const redis of servers.splice(0)) await redis.stop();
      rmSync(dir, { recursive: true });
    }
  });

  it("loses its data on kill -9 without an append-only file", async () => {
    const redis = await start();
    await call(redis.port, "SET task accepted");
    await redis.kill9();
    await redis.restart();
    assert.equal(await call(redis.port, "GET task"), "$-1");
  });

  it("passes on further settings", async () => {
    const redis = await start({ args: ["--maxmemory-policy", "noeviction", "--requirepass", "hunter2"] });
    assert.match(await call(redis.port, "GET x"), /^-NOAUTH/);
  });

  it("lets users in with their own passwords, which stay the same, and nobody else", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ccsp-redis-users-"));
    try {
      const users = await openRedisUsers({ root: ROOT, dir });
      const redis = await start({ dir, users });
      assert.match(await call(redis.port, "GET x"), /^-NOAUTH/);
      assert.match(await call(redis.port, "AUTH default x"), /^-WRONGPASS/);
      const login = (user: string) => `AUTH ${user} ${users.passwordOf(user)}`;
      assert.equal(await call(redis.port, login("queue")), "+OK");
      const again = await openRedisUsers({ root: ROOT, dir });
      for (const user of ["gateway", "queue", "monitor", "notification", "ccsp", "admin"])
        assert.equal(again.passwordOf(user), users.passwordOf(user));
      assert.equal(redis.urlFor("queue"), `redis://queue:${users.passwordOf("queue")}@127.0.0.1:${redis.port}`);
      for (const file of ["users.acl", "passwords.json"]) assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
      assert.ok(!readFileSync(join(dir, "users.acl"), "utf8").includes(users.passwordOf("queue")));
    } finally {
      for (const redis of servers.splice(0)) await redis.stop();
      rmSync(dir, { recursive: true });
    }
  });

  it("reads with users what was stored without them, and what a script stored in one transaction", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ccsp-redis-users-"));
    try {
      const before = await start({ dir, appendOnly: true });
      await call(before.port, `EVAL "redis.call('SET','a',1) redis.call('SET','b',2)" 0`);
      await before.stop();
      const users = await openRedisUsers({ root: ROOT, dir });
      const redis = await start({ dir, appendOnly: true, users });
      const admin = `AUTH admin ${users.passwordOf("admin")}\r\n`;
      // To a stranger it answers before it has read its file. It says LOADING to others meanwhile.
      let read: string;
      do read = await call(redis.port, `${admin}MGET a b`);
      while (read.includes("-LOADING"));
      assert.match(read, /1\r\n\$1\r\n2$/);
    } finally {
      for (const redis of servers.splice(0)) await redis.stop();
      rmSync(dir, { recursive: true });
    }
  });

  it("says why redis-server did not start", async () => {
    await assert.rejects(
      start({ args: ["--no-such-setting", "1"] }),
      /ended before it was ready \(exit 1\)[^]*no-such-setting/,
    );
  });
});

function call(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
    // An answer for each line of the command. An array has lines of its own.
    let answers = "";
    socket.once("error", reject);
    socket.on("data", (reply) => {
      answers += reply.toString();
      if (command.includes("\r\n") && !/\r\n[*-]/.test(answers)) return;
      socket.destroy();
      resolve(answers.trimEnd());
    });
  });
}
