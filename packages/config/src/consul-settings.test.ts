import assert from "node:assert/strict";
import { consulSettings } from "./consul-settings.js";
import { type Env, load } from "./load.js";

const read = (env: Env) => load(env, consulSettings);

describe("the settings of Consul", () => {
  it("have one token, from a setting or a file", () => {
    const env = { CCSP_CONSUL_URL: "https://consul:8501", CCSP_CONSUL_TOKEN_FILE: "/t" };
    assert.equal(read(env).config?.tokenFile, "/t");
    assert.throws(() => read({ ...env, CCSP_CONSUL_TOKEN: "x" }), /both set/);
  });

  it("warn of a token that leaves this machine in plain text", () => {
    const warned = (url: string) => read({ CCSP_CONSUL_URL: url, CCSP_CONSUL_TOKEN: "hunter2" }).warnings;
    assert.match(warned("http://consul:8500").join(), /plain text.*https:\/\//);
    assert.deepEqual([warned("https://consul:8501"), warned("http://127.0.0.1:8500")], [[], []]);
  });

  it("refuse authorities for a connection without TLS", () => {
    assert.throws(() => read({ CCSP_CONSUL_URL: "http://consul:8500", CCSP_CONSUL_CA_FILE: "/ca.pem" }), /needs TLS/);
  });
});
