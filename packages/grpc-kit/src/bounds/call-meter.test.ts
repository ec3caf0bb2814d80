import assert from "node:assert/strict";
import { callerAddress } from "./call-meter.js";

describe("the address by which a caller is limited", () => {
  it("is the host of an IPv4 peer, also where the socket is of IPv6", () => {
    assert.equal(callerAddress("10.0.0.7:5123"), "10.0.0.7");
    assert.equal(callerAddress("::ffff:10.0.0.7:5123"), "10.0.0.7");
  });

  it("is the network of 64 bits of an IPv6 peer, so that one machine has one", () => {
    for (const peer of ["2001:db8:0:1::7:5123", "2001:db8:0:1:a:b:c:d:5123", "[2001:0db8:0:1::9]:5123"])
      assert.equal(callerAddress(peer), "2001:db8:0:1::/64");
    assert.equal(callerAddress("::1:5123"), "0:0:0:0::/64");
    assert.equal(callerAddress("2001:db8:0:2::7:5123"), "2001:db8:0:2::/64");
  });
});
