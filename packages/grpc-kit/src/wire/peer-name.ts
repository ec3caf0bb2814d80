import { certificateName } from "@ccsp/identity";

/**
 * Says in words whose certificate it is, if it does not name this service of CCSP: "the certificate of the service
 * queue, not of the service monitor". Undefined if it does. `subjectaltname` is in the form of Node.
 */
export function notOfService(service: string, subjectaltname: string | undefined): string | undefined {
  const found = certificateName(subjectaltname === undefined ? {} : { subjectaltname });
  if (found?.kind === "service" && found.name === service) return undefined;
  const whose = found ? `the certificate of the ${found.kind} ${found.name}` : "a certificate without a name of CCSP";
  return `${whose}, not of the service ${service}`;
}
