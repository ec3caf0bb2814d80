import assert from "node:assert/strict";
import type { PeerCertificate } from "node:tls";
import { Refusal } from "@ccsp/errors";
import { authoriseCertificate } from "./certificate.js";

const PATH = "/ccsp.queue.v1.QueueService/EmergencyStop";

const withNames = (subjectaltname: string) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest of a certificate does not matter here
  ({ peerCertificate: { subjectaltname, valid_to: "Nov 27 03:00:00 2027 GMT" } }) as unknown as {
    readonly peerCertificate: PeerCertificate;
  };

describe("the identity of a certificate", () => {
  const callers = ["gateway", "operator"];
  const refused = (caller: Parameters<typeof authoriseCertificate>[0], message: string, allowed = callers) =>
    assert.throws(
      () => authoriseCertificate(caller, allowed, PATH),
      (error) => error instanceof Refusal && error.reason === "CERTIFICATE_REFUSED" && error.message === message,
    );

  it("is the service or the person that it names, until it expires", () => {
    const proven = { scopes: [], proof: "certificate", expireTime: new Date("2027-11-27T03:00:00Z") };
    assert.deepEqual(authoriseCertificate(withNames("DNS:x, URI:spiffe://ccsp/service/gateway"), callers, PATH), {
      kind: "service",
      subject: "gateway",
      ...proven,
    });
    assert.deepEqual(authoriseCertificate(withNames("URI:spiffe://ccsp/operator/ann"), callers, PATH), {
      kind: "operator",
      subject: "ann",
      ...proven,
    });
  });

  it("lets only those call whom the RPC names, and the refusal says who called and who may", () => {
    refused(
      withNames("URI:spiffe://ccsp/service/executor"),
      `the service executor may not call ${PATH}; only these may: gateway, operator`,
    );
    refused(
      withNames("URI:spiffe://ccsp/operator/ann"),
      `the operator ann may not call ${PATH}; only these may: gateway`,
      ["gateway"],
    );
    refused(
      withNames("URI:spiffe://ccsp/service/gateway"),
      `the service gateway may not call ${PATH}; no certificate is enough`,
      [],
    );
  });

  it("is no operator's for a service of that name, and no service's for a person of its name", () => {
    refused(
      withNames("URI:spiffe://ccsp/service/operator"),
      `the service operator may not call ${PATH}; only these may: gateway, operator`,
    );
    refused(
      withNames("URI:spiffe://ccsp/operator/gateway"),
      `the operator gateway may not call ${PATH}; only these may: gateway`,
      ["gateway"],
    );
  });

  it("is unknown without a certificate, and with one that names no part of CCSP", () => {
    refused({}, `${PATH} needs a certificate, and the caller has none; only these may: gateway, operator`);
    refused(
      withNames("DNS:gateway"),
      `${PATH} needs a certificate, and the certificate of the caller names no service or operator; only these may: gateway, operator`,
    );
  });
});
