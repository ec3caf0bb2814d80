import { relative } from "node:path";
import { type Found, isDue } from "@ccsp/certificates";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { durationWords, zonedTime } from "../output/words.js";

type State = "VALID" | "DUE" | "EXPIRED" | "EARLY" | "WRONG KEY";

/** DUE: it should be renewed. EARLY: it is not valid yet. WRONG KEY: the key beside it belongs to another one. */
export function stateOf({ certificate, hasKey }: Found, now = new Date()): State {
  if (hasKey === false) return "WRONG KEY";
  if (certificate.until <= now) return "EXPIRED";
  if (certificate.from > now) return "EARLY";
  return isDue(certificate, now) ? "DUE" : "VALID";
}

/** Whom a certificate names, in words. */
export const whoOf = ({ certificate: { name, isAuthority, subject } }: Found): string => {
  if (isAuthority) return `CA ${subject}`;
  return name === undefined ? subject : `${name.kind} ${name.name}`;
};

/** For programs. */
export function certificateJson(found: Found): object {
  const { name, isAuthority, subject, issuer, hosts, from, until, x509 } = found.certificate;
  return {
    kind: isAuthority ? "ca" : (name?.kind ?? "other"),
    name: name?.name ?? subject,
    state: stateOf(found),
    hosts,
    issuer,
    startTime: from.toISOString(),
    expireTime: until.toISOString(),
    serialNumber: x509.serialNumber,
    file: found.file,
  };
}

const leftOf = ({ certificate: { until } }: Found): string => {
  const ms = until.getTime() - Date.now();
  return ms > 0 ? `in ${durationWords(ms)}` : `${durationWords(-ms)} ago`;
};

/** `path`: the folder or file that is shown. A table names the files as seen from there. */
export const certificateColumns = (path: string): readonly Column<Found>[] => [
  { header: "NAME", value: whoOf, min: 30 },
  { header: "STATE", value: stateOf, colour: stateColour },
  { header: "EXPIRES", value: leftOf, only: "table" },
  { header: "EXPIRES", value: ({ certificate: { until } }) => zonedTime(until), only: "wide" },
  { header: "ISSUER", value: ({ certificate: { issuer } }) => issuer, min: 8, only: "wide" },
  { header: "HOSTS", value: ({ certificate: { hosts } }) => hosts.join(" "), min: 8, only: "wide" },
  { header: "FILE", value: ({ file }) => relative(path, file) || file, only: "table", min: 20, drop: 1 },
  { header: "FILE", value: ({ file }) => file, only: "wide" },
];
