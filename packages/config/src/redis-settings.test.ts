import assert from "node:assert/strict";
import { type Env, load } from "./load.js";
import { redisSettings } from "./redis-settings.js";

const warnings = (url: string, env: Env = {}) => load({ CCSP_REDIS_URL: url, ...env }, redisSettings).warnings;

describe("the settings of Redis", () => {
  it("keep the address out of faults, since it may hold a password", () => {
    assert.throws(
      () => load({ CCSP_REDIS_URL: "http://user:hunter2@redis" }, redisSettings),
      (error: Error) => error.message.includes("CCSP_REDIS_URL") && !error.message.includes("hunter2"),
    );
  });

  it("warn of a password that leaves this machine in plain text", () => {
    for (const url of [
      "redis://u:p@redis",
      "redis+sentinel://u:p@127.0.0.1,s2:26379/m",
      "redis+cluster://:p@10.0.0.1:1",
    ])
      assert.match(warnings(url).join(), /plain text.*rediss:\/\//, url);
    for (const url of ["redis://u:p@127.0.0.1:6379/1", "redis://u:p@[::1]:1", "rediss://u:p@redis", "redis://redis"])
      assert.deepEqual(warnings(url), [], url);
  });

  it("refuse certificates for a connection without TLS", () => {
    assert.throws(() => warnings("redis://redis", { CCSP_REDIS_CA_FILE: "/ca.pem" }), /need TLS: write rediss:/);
    assert.deepEqual(warnings("rediss+cluster://redis", { CCSP_REDIS_CA_FILE: "/ca.pem" }), []);
  });
});
