import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { pino } from "pino";
import { bindScript, openRedis, type RedisClient, type RedisConnection, scriptFaults } from "../src/index.js";
import { bindPutOnce, luaFile } from "./put-once.js";

const log = pino({ level: "silent" });

describe("bindScript", () => {
  let server: RedisServer;
  let redis: RedisConnection;

  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(() => redis.client.flushall());

  it("passes keys by name and arguments in order, and returns the decoded reply", async () => {
    const putOnce = bindPutOnce(redis.client);
    assert.deepEqual([await putOnce("a", "日本"), await putOnce("a", "2")], ["ok", "taken"]);
    assert.equal(await redis.client.hget("test:{t}:values", "a"), "日本");
  });

  it("sends a script again that the server has forgotten, also in concurrent calls", async () => {
    const putOnce = bindPutOnce(redis.client);
    await putOnce("a", "1");
    await redis.client.script("FLUSH");
    const names = ["b", "c", "d"];
    assert.deepEqual(await Promise.all(names.map((name) => putOnce(name, "1"))), ["ok", "ok", "ok"]);
  });

  it("sends a script again until the server has its text: in a failover ioredis itself may give up too soon", async () => {
    let [calls, unknown] = [0, 3];
    const client = {
      defineCommand(name: string) {
        Reflect.set(this, `${name}Buffer`, async () => {
          calls += 1;
          if (calls <= unknown) throw new Error("NOSCRIPT No matching script. Please use EVAL.");
          return Buffer.from("ok");
        });
      },
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that binding a script needs of a client
    const putOnce = bindPutOnce(client as unknown as RedisClient);
    assert.equal(await putOnce("a", "1"), "ok");
    [calls, unknown] = [0, 9];
    await assert.rejects(putOnce("a", "1"), /NOSCRIPT/);
  });

  it("returns strings as Buffers, so any bytes are unchanged", async () => {
    const bytes = Buffer.from([0, 255, 128, 10]);
    await redis.client.hset("test:{t}:values", "a", bytes);
    const peek = bindScript(redis.client, luaFile("peek"), ["values"], (reply) => reply);
    assert.deepEqual(await peek({ values: "test:{t}:values" }, "a"), bytes);
  });

  it("refuses a call with missing or extra keys before Redis gets it", async () => {
    const peek = bindScript(redis.client, luaFile("peek"), ["values"], (reply) => reply);
    const given = (keys: Record<string, string>) => Object.assign({ values: "" }, keys);
    await assert.rejects(peek(given({})), /key values is missing/);
    await assert.rejects(peek(given({ values: "x", other: "y" })), /no such key: other/);
  });

  it("rejects with the decoder's error for an unknown reply", async () => {
    const put = bindScript(redis.client, luaFile("put_once"), ["values", "order"], () => {
      throw new Error("what is this");
    });
    await assert.rejects(put({ values: "{t}v", order: "{t}o" }, "a", "1"), /what is this/);
  });

  it("lets a test compare a binding with its file's header", () => {
    const faults = (name: string, keys: string[]) => scriptFaults({ file: luaFile(name), keys });
    assert.deepEqual(faults("put_once", ["values", "order"]), []);
    assert.deepEqual(faults("put_once", ["order", "values"]), [
      "put_once.lua: the header's keys are (values, order), the binding's (order, values)",
    ]);
    assert.deepEqual(faults("wrong_header", ["values"]), [
      "wrong_header.lua: the header calls it other_name",
      "wrong_header.lua: the header has no RETURN",
      "wrong_header.lua: KEYS[2] is not in the header",
      "wrong_header.lua: ARGV[2] is not in the header",
      "wrong_header.lua: builds a key: redis.call('SET', 'built:' .. ARGV[1]",
    ]);
  });

  it("puts the parts that a script needs before it, and first the parts that they need", async () => {
    const loud = bindScript(redis.client, luaFile("peek_loudly"), ["values"], String);
    await redis.client.hset("test:{t}:values", "a", "hi");
    assert.equal(await loud({ values: "test:{t}:values" }, "a"), "HI!");
    assert.deepEqual(scriptFaults(loud), []);
  });

  it("lets a test find a name of a part that a script or a part uses, defines or needs but does not declare correctly", () => {
    assert.deepEqual(scriptFaults({ file: luaFile("wrong_parts"), keys: ["values"] }).toSorted(), [
      "parts/wrong.lua: does not define mumble",
      "parts/wrong.lua: does not use MARK",
      "wrong_parts.lua: does not use mumble",
      "wrong_parts.lua: does not use shout",
      "wrong_parts.lua: does not use whisper",
      "wrong_parts.lua: parts/shout defines no whisper",
      "wrong_parts.lua: uses MARK of parts/mark.lua",
    ]);
  });
});
