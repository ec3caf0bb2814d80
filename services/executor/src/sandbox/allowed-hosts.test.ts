import assert from "node:assert/strict";
import { allowedHosts, HOST, isOwnAddress, lookupElsewhere, parseTarget } from "./allowed-hosts.js";

const allows = (entries: readonly string[], host: string): boolean => {
  const target = parseTarget(host, 443);
  return target !== undefined && allowedHosts(entries)(target);
};

describe("the hosts that a run may reach", () => {
  it("are those with the same name and port, in any case; without a port, 443", () => {
    assert.equal(allows(["api.example.com"], "API.example.com:443"), true);
    assert.equal(allows(["api.example.com:8443"], "api.example.com:8443"), true);
    for (const other of [
      "api.example.com:80",
      "example.com:443",
      "xapi.example.com:443",
      "api.example.com.evil.org:443",
    ]) {
      assert.equal(allows(["api.example.com"], other), false, other);
    }
    assert.equal(allows(["127.0.0.1:4000"], "127.0.0.1:6379"), false);
    assert.equal(allows(["127.0.0.1:4000"], "localhost:4000"), false);
    assert.equal(allows(["[::1]:4000"], "[::1]:4000"), true);
  });

  it("are below a name with a star, and no addresses", () => {
    assert.equal(allows(["*.example.com"], "a.b.example.com:443"), true);
    for (const other of ["example.com:443", ".example.com:443", "aexample.com:443"]) {
      assert.equal(allows(["*.example.com"], other), false, other);
    }
    assert.equal(allows(["*.0.0.1"], "127.0.0.1:443"), false);
  });

  it("are written as a name, an address, or a star and a name, with or without a port", () => {
    for (const good of ["a.org", "a.org:80", "*.a.org", "10.0.0.1:80", "[::1]:80", "localhost:1"])
      assert.match(good, HOST);
    for (const bad of ["https://a.org", "a.org/", "*", "a.org:", "a.*.org", "::1", ""]) assert.doesNotMatch(bad, HOST);
  });

  it("do not lead to this host or its link by a name", async () => {
    for (const own of [
      "127.0.0.1",
      "127.1.2.3",
      "0.0.0.0",
      "169.254.169.254",
      "::1",
      "::",
      "fe80::1",
      "::ffff:127.0.0.1",
    ]) {
      assert.equal(isOwnAddress(own), true, own);
    }
    for (const other of ["10.0.0.1", "192.0.2.1", "2001:db8::1", "localhost"])
      assert.equal(isOwnAddress(other), false, other);
    // A resolver answers such names with the loopback address itself, without a network (RFC 6761).
    const found = await new Promise<unknown>((resolve) =>
      lookupElsewhere("127.0.0.1", { all: true }, (error) => resolve(error)),
    );
    assert.match(String(found), /has no address that a run may reach/);
  });
});
