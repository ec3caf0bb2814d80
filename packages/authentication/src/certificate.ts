import { Refusal } from "@ccsp/errors";
import { type CallerCredentials, certificateName, type Identity } from "@ccsp/identity";

/** The word for every person with an operator certificate, where callers are listed. */
const OPERATOR = "operator";

/**
 * Returns the identity that the caller's certificate proves, if `callers` has it: names of services, and `operator` for
 * people. Otherwise it refuses with CERTIFICATE_REFUSED, and the message names who called and who may. `path` is the
 * call.
 *
 * TLS has checked the certificate and its dates when the connection began.
 */
export function authoriseCertificate(
  { peerCertificate }: Pick<CallerCredentials, "peerCertificate">,
  callers: readonly string[],
  path: string,
): Identity {
  const named = peerCertificate && certificateName(peerCertificate);
  if (!peerCertificate || !named) {
    const lack = peerCertificate ? "the certificate of the caller names no service or operator" : "the caller has none";
    throw refused(`${path} needs a certificate, and ${lack}; ${only(callers)}`);
  }
  const { kind, name } = named;
  // A service cannot be called "operator" and so act as a person.
  if (!callers.includes(kind === "operator" ? OPERATOR : name) || (kind === "service" && name === OPERATOR)) {
    throw refused(`the ${kind} ${name} may not call ${path}; ${only(callers)}`);
  }
  return { kind, subject: name, scopes: [], proof: "certificate", expireTime: new Date(peerCertificate.valid_to) };
}

const refused = (message: string): Refusal => new Refusal("CERTIFICATE_REFUSED", message);

const only = (callers: readonly string[]): string =>
  callers.length === 0 ? "no certificate is enough" : `only these may: ${callers.join(", ")}`;
