import { join } from "node:path";
import type { ServiceName } from "@ccsp/fleet";
import { channelTls, readTlsFolder } from "@ccsp/grpc-kit";

/** Credentials with which a test calls a service as another service does. `folder` has the certificates of a fleet. */
export const serviceChannel = (folder: string, { as, to }: { readonly as: ServiceName; readonly to: ServiceName }) =>
  channelTls(() => readTlsFolder(join(folder, as)), { service: to });
