import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { inspect, promisify } from "node:util";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient, implement, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { createLogger } from "@ccsp/telemetry";
import { Redis } from "ioredis";
import { parse as parseYaml } from "yaml";

/** Stands for a prompt. It has digits, since the first word of a message may be logged if it looks like one. */
const CANARY = "c4nary: s3cret pr0mpt";
const BYTES = Buffer.from(CANARY);
/** The forms in which a log line could have it. A parser quotes only its beginning. A Buffer becomes a list of its bytes. */
const FORMS = [
  CANARY.slice(0, 9),
  encodeURIComponent(CANARY),
  BYTES.toString("base64"),
  BYTES.toString("hex"),
  BYTES.join(","),
];

const packageOf = (folder: string) => createRequire(new URL(`../../../${folder}/package.json`, import.meta.url));

/** What has to fail, by the dependency that makes the error. Each error has the canary in it. */
function failures(redis: () => Redis, http: () => string): Readonly<Record<string, () => unknown>> {
  return {
    "ioredis: a command that Redis does not know": () => redis().call(CANARY, CANARY),
    "ioredis: a command with the wrong type": async () => {
      await redis().set("text", "x");
      await redis().rpush("text", BYTES);
    },
    "ioredis: a script that quotes its argument": () =>
      redis().eval("return redis.error_reply('no ' .. ARGV[1])", 0, CANARY),
    "ioredis: a script that ends with an error": () => redis().eval("error(ARGV[1])", 0, CANARY),
    "ioredis: a transaction": () => redis().multi().call("NOSUCH", CANARY).exec(),
    "node:fs: a file that is not there": () => readFile(`/no/${CANARY}`),
    "node:fs: a folder that is not there": () => writeFile(`/no/${CANARY}/file`, ""),
    "node:child_process: a program that fails": () =>
      promisify(execFile)(process.execPath, ["-e", "console.error(process.argv[1]); process.exit(1)", CANARY]),
    "node:url": () => new URL(`http://${CANARY}`),
    "node:assert": () => assert.equal(CANARY, ""),
    "fetch: a port that refuses": () => fetch(`http://127.0.0.1:1/${CANARY}`, { headers: { [CANARY]: "x" } }),
    "fetch: an answer that is not JSON": async () => (await fetch(http())).json(),
    "JSON.parse": () => JSON.parse(CANARY),
    BigInt: () => BigInt(CANARY),
    RegExp: () => new RegExp(`(${CANARY}`),
    "an operator": () => Reflect.has({}, "x") || "x" in (CANARY as unknown as object),
    "Promise.any": () => Promise.any([redis().call(CANARY), readFile(`/no/${CANARY}`)]),
    yaml: () => parseYaml(`a: "${CANARY}`),
    protobuf: () => {
      // A text of more bytes than there are.
      const bytes = TaskSpec.encode(TaskSpec.fromPartial({ prompt: CANARY })).finish();
      try {
        return TaskSpec.decode(bytes.subarray(0, -1));
      } catch (error) {
        throw Object.assign(error as Error, { bytes: Buffer.from(bytes) });
      }
    },
    consul: async () => {
      const Consul = packageOf("packages/discovery")("consul");
      const { hostname, port } = new URL(http());
      await new Consul({ host: hostname, port }).kv.get(CANARY);
    },
    nodemailer: async () => {
      const mailer = packageOf("services/notification")("nodemailer");
      await mailer.createTransport({ host: CANARY, port: 1 }).sendMail({ to: "a@b.c", text: CANARY });
    },
  };
}

describe("an error in a log", () => {
  let server: RedisServer;
  let redis: Redis;
  const http = createServer((_request, response) => response.writeHead(500, CANARY).end(`${CANARY} {"a":1}`));
  let url: string;
  let written: string;
  const stream = { write: (line: string) => void (written += line) };
  const log = createLogger({ name: "queue", level: "debug", instance: "queue-1", stream });

  before(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  });
  beforeEach(() => {
    written = "";
  });
  after(async () => {
    redis.disconnect();
    http.closeAllConnections();
    http.close();
    await server.stop();
  });

  /** Logs the error in each way that code has. */
  function logAll(error: unknown): void {
    log.error({ err: error }, "failed");
    log.error({ err: error });
    log.error(error as object);
    log.error({ reason: error, about: { list: [error] } }, "failed");
    log.error("failed: %o", error as object);
    log.error({ err: new Error("not done", { cause: error }) }, "failed");
    log.error({ err: new Error(`not done: ${(error as Error).message}`, { cause: error }) }, "failed");
    log.error({ err: new AggregateError([error], "all failed") }, "failed");
    log.child({ err: error }).error("failed");
  }

  for (const [what, fail] of Object.entries(
    failures(
      () => redis,
      () => url,
    ),
  )) {
    it(`has nothing that was given to the dependency: ${what}`, async () => {
      const error = await Promise.resolve()
        .then(fail)
        .then(
          () => assert.fail("it did not fail"),
          (thrown: unknown) => thrown,
        );
      const all = inspect(error, { depth: 4, maxArrayLength: 1_000, maxStringLength: 100_000 });
      assert.ok(
        [...FORMS, BYTES.toString("hex").replaceAll(/(..)(?!$)/g, "$1 ")].some((form) => all.includes(form)),
        all,
      );
      logAll(error);
      for (const form of FORMS) assert.ok(!written.includes(form), written);
      assert.equal(written.trimEnd().split("\n").length, 9);
    });
  }

  it("has nothing of a call whose handler failed", async () => {
    const queue = implement(
      { get: QueueServiceService.get },
      {
        get: async ({ taskId }) => {
          throw new Error("the task cannot be read", {
            cause: await redis.call(taskId).catch((error: unknown) => error),
          });
        },
      },
    );
    const grpc = await serveGrpc({ listen: { host: "127.0.0.1", port: 0 }, services: [queue], log, lameDuckMs: 0 });
    const client = createClient(QueueServiceService, `127.0.0.1:${grpc.port}`);
    const failed = await client.get({ taskId: CANARY }).catch((error: unknown) => error);
    client.close();
    await grpc.close();
    logAll(failed);
    for (const form of FORMS) assert.ok(!written.includes(form), written);
    assert.match(written, /the task cannot be read.*ReplyError.*"message":"ERR"/);
  });
});
