import { isFree } from "./free-port.js";
import { DEFAULT_PORTS, SERVICES } from "./services.js";

/**
 * The services' own ports on which a server could not listen now, each with its service: "3000 (gateway)". Port 0 is
 * always free.
 */
export async function takenPorts(
  gateway: { readonly grpc?: number | undefined; readonly http?: number | undefined } = {},
  free: (port: number) => Promise<boolean> = isFree,
): Promise<readonly string[]> {
  const { grpc = DEFAULT_PORTS.gateway.grpc, http = DEFAULT_PORTS.gateway.http } = gateway;
  const ports: typeof DEFAULT_PORTS = { ...DEFAULT_PORTS, gateway: { ...DEFAULT_PORTS.gateway, grpc, http } };
  const wanted = SERVICES.flatMap((name) => [
    { port: ports[name].grpc, name },
    { port: ports[name].ops, name: `${name}'s ops port` },
    { port: ports[name].http ?? 0, name: `${name}'s HTTP port` },
  ]);
  const found = await Promise.all(wanted.map(({ port }) => (port === 0 ? Promise.resolve(true) : free(port))));
  return wanted.filter((_, at) => !found[at]).map(({ port, name }) => `${port} (${name})`);
}
