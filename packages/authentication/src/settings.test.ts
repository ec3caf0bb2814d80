import assert from "node:assert/strict";
import { ConfigError, type Env, load } from "@ccsp/config";
import { authenticationSettings } from "./settings.js";

const faultsOf = (env: Env): readonly string[] => {
  try {
    load(env, authenticationSettings);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
};

describe("the settings of authentication", () => {
  it("require at least one key to verify tokens with, and name the settings that give one", () => {
    const [fault, ...others] = faultsOf({});
    assert.deepEqual(others, []);
    for (const name of ["CCSP_JWT_SECRET_FILE", "CCSP_JWT_SECRET", "CCSP_JWT_JWKS_FILE", "CCSP_JWT_JWKS_URL"]) {
      assert.ok(fault?.includes(name));
    }
  });

  it("are complete with any one of them", () => {
    for (const env of [
      { CCSP_JWT_SECRET: "x".repeat(32) },
      { CCSP_JWT_SECRET_FILE: "/run/secrets/jwt" },
      { CCSP_JWT_JWKS_FILE: "/etc/jwks.json" },
      { CCSP_JWT_JWKS_URL: "https://issuer.example/jwks.json" },
    ]) {
      assert.deepEqual(faultsOf(env), []);
    }
  });

  it("count a secret in bytes, and do not show a secret that is too short", () => {
    assert.deepEqual(faultsOf({ CCSP_JWT_SECRET: "鍵".repeat(11) }), []);
    assert.deepEqual(faultsOf({ CCSP_JWT_SECRET: "hunter2" }), [
      "CCSP_JWT_SECRET holds 7 bytes; HS256 needs at least 32",
    ]);
  });

  it("warn of a key set that is fetched without TLS", () => {
    const { warnings } = load({ CCSP_JWT_JWKS_URL: "http://issuer.example/jwks.json" }, authenticationSettings);
    assert.match(warnings.join(), /plain http/);
  });
});
