import { join } from "node:path";
import type { ServiceName } from "@ccsp/fleet";
import { channelTls, readTlsFolder } from "@ccsp/grpc-kit";
import type { ChannelCredentials } from "@grpc/grpc-js";

/** Credentials with which a test calls a service as another service does. `folder` has the certificates of a fleet. */
export const serviceChannel = (
  folder: string,
  { as, to }: { readonly as: ServiceName; readonly to: ServiceName },
): ChannelCredentials => channelTls(() => readTlsFolder(join(folder, as)), { service: to });
