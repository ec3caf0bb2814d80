import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { certificatesIn } from "./certificate-pem.js";

describe("the certificates of a text in PEM", () => {
  const [one = "", two = ""] = rootCertificates;

  it("are read in its order, and may be none", () => {
    const found = certificatesIn(`${two}\nwords between\n${one}\n`).map(({ subject }) => subject);
    assert.deepEqual(
      found,
      [two, one].map((pem) => new X509Certificate(pem).subject),
    );
    assert.deepEqual(certificatesIn(""), []);
  });

  it("are refused if one of them is half written or damaged", () => {
    for (const last of [two.slice(0, -10), two.slice(0, 40)]) {
      assert.throws(() => certificatesIn(`${one}\n${last}`), /a certificate in PEM is not complete/);
    }
    assert.throws(() => certificatesIn(one.replace(/\n.{20}/, "\n")), /asn1|wrong tag|PEM/i);
  });
});
