import { createServer } from "node:net";
import { DEFAULT_PORTS, SERVICES } from "@ccsp/fleet";
import { CliError, EXIT } from "../exit.js";
import type { FleetState } from "../state.js";

/** The default ports of the services that `ccsp up` starts. */
export const DEFAULT_SERVICES: FleetState["services"] = SERVICES.map((name) => ({
  name,
  index: 0,
  ports: DEFAULT_PORTS[name],
}));

/** Throws an error when other programs listen on ports that the services need. The error names all of these ports. */
export async function assertFree(services: FleetState["services"]): Promise<void> {
  const wanted = services.flatMap(({ name, ports }) => [
    { name, port: ports.grpc },
    { name: `${name}'s ops port`, port: ports.ops },
  ]);
  const taken: string[] = [];
  for (const { name, port } of wanted) if (!(await isFree(port))) taken.push(`${port} (${name})`);
  if (taken.length === 0) return;
  throw new CliError(
    EXIT.usage,
    `other programs listen on ${taken.join(", ")}: stop them, or start the fleet with --ports free`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once("error", () => resolve(false))
      .listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
