import { isFree } from "./free-port.js";
import { DEFAULT_PORTS, SERVICES } from "./services.js";

/** The services' own ports on which a server could not listen now, each with its service: "3000 (gateway)". */
export async function takenPorts(free: (port: number) => Promise<boolean> = isFree): Promise<readonly string[]> {
  const wanted = SERVICES.flatMap((name) => [
    { port: DEFAULT_PORTS[name].grpc, name },
    { port: DEFAULT_PORTS[name].ops, name: `${name}'s ops port` },
  ]);
  const found = await Promise.all(wanted.map(({ port }) => free(port)));
  return wanted.filter((_, at) => !found[at]).map(({ port, name }) => `${port} (${name})`);
}
