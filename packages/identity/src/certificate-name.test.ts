import assert from "node:assert/strict";
import { type CertificateName, certificateName, uriOf } from "./certificate-name.js";

const named = (subjectaltname: string | undefined) =>
  certificateName(subjectaltname === undefined ? {} : { subjectaltname });

describe("the name in a certificate", () => {
  it("is the URI among its names, whatever hosts it has", () => {
    const names: readonly CertificateName[] = [
      { kind: "service", name: "queue" },
      { kind: "operator", name: "ann.o-b_c@example.com" },
    ];
    for (const name of names) {
      assert.deepEqual(named(`URI:${uriOf(name)}`), name);
      assert.deepEqual(named(`DNS:executor, URI:${uriOf(name)}, IP Address:127.0.0.1`), name);
    }
  });

  it("is unknown without exactly one URI of this form", () => {
    const queue = "URI:spiffe://ccsp/service/queue";
    const without = [
      undefined,
      "",
      "DNS:queue",
      "DNS:spiffe://ccsp/service/queue",
      `${queue}, URI:spiffe://ccsp/service/gateway`,
      `${queue}, URI:https://example.com`,
      "URI:spiffe://other/service/queue",
      "URI:spiffe://ccsp/agent/queue",
      "URI:spiffe://ccsp/service/",
      "URI:spiffe://ccsp/service/queue/x",
      "URI:spiffe://ccsp/service/que%75e",
      "URI:spiffe://ccsp/service/queue ",
      "URI:SPIFFE://ccsp/service/queue",
    ];
    for (const names of without) assert.equal(named(names), undefined, names);
  });

  it("cannot be hidden in a host name, which Node then quotes", () => {
    assert.equal(named('DNS:"x, URI:spiffe://ccsp/service/gateway, DNS:y"'), undefined);
    assert.equal(named('URI:spiffe://ccsp/service/queue, DNS:"x, y"'), undefined);
  });
});
