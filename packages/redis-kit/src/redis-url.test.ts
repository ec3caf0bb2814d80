import assert from "node:assert/strict";
import { parseRedisUrl } from "./redis-url.js";

const none = { username: undefined, password: undefined };

describe("parseRedisUrl", () => {
  it("reads a standalone server, with defaults", () => {
    const node = { host: "127.0.0.1", port: 6379 };
    assert.deepEqual(parseRedisUrl("redis://127.0.0.1"), {
      ...none,
      at: "127.0.0.1:6379",
      kind: "standalone",
      node,
      tls: false,
      db: 0,
    });
  });

  it("reads TLS, login, IPv6 and database", () => {
    assert.deepEqual(parseRedisUrl("rediss://me:p%40ss%3Aword@[::1]:7000/3"), {
      username: "me",
      password: "p@ss:word",
      at: "::1:7000",
      kind: "standalone",
      node: { host: "::1", port: 7000 },
      tls: true,
      db: 3,
    });
  });

  it("reads a password without a user", () => {
    const { username, password } = parseRedisUrl("redis://:secret@h");
    assert.deepEqual([username, password], [undefined, "secret"]);
  });

  it("reads Sentinels with the master's name", () => {
    assert.deepEqual(parseRedisUrl("redis+sentinel://:pw@h1,h2:26380/mymaster/2"), {
      username: undefined,
      password: "pw",
      tls: false,
      at: "h1:26379,h2:26380 (mymaster)",
      kind: "sentinel",
      sentinels: [
        { host: "h1", port: 26379 },
        { host: "h2", port: 26380 },
      ],
      master: "mymaster",
      db: 2,
    });
  });

  it("reads a cluster's nodes", () => {
    assert.deepEqual(parseRedisUrl("redis+cluster://h1:7000,h2:7001"), {
      ...none,
      tls: false,
      at: "h1:7000,h2:7001",
      kind: "cluster",
      nodes: [
        { host: "h1", port: 7000 },
        { host: "h2", port: 7001 },
      ],
    });
  });

  it("reads TLS for Sentinels and for a cluster", () => {
    const kinds = ["rediss+sentinel://h/m", "rediss+cluster://h"].map(parseRedisUrl);
    assert.deepEqual(
      kinds.map(({ kind, tls }) => [kind, tls]),
      [
        ["sentinel", true],
        ["cluster", true],
      ],
    );
  });

  for (const url of [
    "",
    "localhost:6379",
    "http://:hunter2@h",
    "redis://:hunter2@h1,h2",
    "redis://:hunter2@h/x",
    "redis://:hunter2@h:99999",
    "redis://:hunter2@h:0",
    "redis://:hunter2@h/0/1",
    "redis://:hunter2%@h",
    "redis://:hunter2@h?db=1",
    "redis://:hunter2@",
    "redis+sentinel://:hunter2@h1",
    "redis+sentinel://:hunter2@h1/m/0/1",
    "redis+cluster://:hunter2@h1/0",
    "redis+cluster://:hunter2@h1,,h2",
  ]) {
    it(`refuses ${JSON.stringify(url)}, without repeating the password`, () => {
      assert.throws(
        () => parseRedisUrl(url),
        (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, /^invalid Redis URL: .*redis\+cluster:/);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });
  }
});
