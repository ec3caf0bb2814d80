import assert from "node:assert/strict";
import { ConfigError, type Env, load } from "@ccsp/config";
import { oidcSettings } from "./oidc-settings.js";

const GOOD = {
  CCSP_OIDC_ISSUER: "https://issuer.example/realms/team",
  CCSP_OIDC_AUDIENCE: "ccsp",
  CCSP_OIDC_ROLES: "ccsp-admins=admin, a=b=agent,dev=operator,dev=agent",
};

const faultsOf = (env: Env): string => {
  try {
    load(env, oidcSettings);
    return "";
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults.join("\n");
  }
};

describe("the settings of OIDC", () => {
  it("are optional as a whole, and audience or roles alone are suspicious", () => {
    assert.deepEqual(load({}, oidcSettings), { config: undefined, warnings: [] });
    const { config, warnings } = load({ ...GOOD, CCSP_OIDC_ISSUER: "" }, oidcSettings);
    assert.equal(config, undefined);
    assert.match(warnings.join(), /without CCSP_OIDC_ISSUER/);
  });

  it("give each group its roles", () => {
    assert.deepEqual(
      load(GOOD, oidcSettings).config?.roles,
      new Map([
        ["ccsp-admins", ["admin"]],
        ["a=b", ["agent"]],
        ["dev", ["operator", "agent"]],
      ]),
    );
  });

  it("need an audience and a role", () => {
    assert.match(faultsOf({ ...GOOD, CCSP_OIDC_AUDIENCE: "" }), /CCSP_OIDC_AUDIENCE is not set/);
    assert.match(faultsOf({ ...GOOD, CCSP_OIDC_ROLES: "" }), /CCSP_OIDC_ROLES is not set/);
  });

  for (const roles of ["dev", "dev=", "=admin", "dev=root", "dev=constructor", "dev:admin"]) {
    it(`refuse the roles ${roles}`, () => {
      assert.match(faultsOf({ ...GOOD, CCSP_OIDC_ROLES: roles }), /CCSP_OIDC_ROLES .*agent, viewer, operator, admin/);
    });
  }

  it("refuse an issuer without TLS beyond this host", () => {
    for (const issuer of ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"])
      assert.equal(faultsOf({ ...GOOD, CCSP_OIDC_ISSUER: issuer }), "");
    for (const issuer of ["http://issuer.example", "http://127.evil.example", "http://localhost.example"])
      assert.match(faultsOf({ ...GOOD, CCSP_OIDC_ISSUER: issuer }), /plain http beyond this host/);
    for (const issuer of ["issuer.example", "ftp://issuer.example", "https://issuer.example?x"])
      assert.match(faultsOf({ ...GOOD, CCSP_OIDC_ISSUER: issuer }), /CCSP_OIDC_ISSUER must be the issuer's https URL/);
  });
});
