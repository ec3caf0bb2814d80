import { parseHostPort } from "@ccsp/config";
import type { OpenSource } from "./grpc-resolver.js";

/** `static:///host:port,host:port`: a list that never changes. */
export const openStatic: OpenSource = (name, findings) => {
  const parts = name.split(",").map((part) => part.trim());
  const addresses = parts.flatMap((part) => parseHostPort(part) ?? []);
  if (addresses.length === parts.length) findings.found(addresses);
  else findings.failed("not a list of host:port separated by commas");
  return { refresh: () => undefined, close: () => undefined };
};
