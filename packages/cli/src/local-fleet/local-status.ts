import { askHealth } from "@ccsp/fleet";
import type { FleetState } from "./state.js";

/** The state of one replica and its dependencies that do not answer. Or the reason why the state is not known. */
export interface ServiceStatus {
  readonly name: string;
  readonly index: number;
  readonly port: number;
  readonly status: string;
}

/** Asks each service of a local fleet on its ops port. */
export function localStatus(services: FleetState["services"]): Promise<readonly ServiceStatus[]> {
  return Promise.all(services.map(readiness));
}

async function readiness({ name, index, ports }: FleetState["services"][number]): Promise<ServiceStatus> {
  const row = { name, index, port: ports.grpc };
  try {
    const { state, failing } = await askHealth(ports.ops);
    const missing = Object.entries(failing).map(([dependency, why]) => `${dependency}: ${why}`);
    return { ...row, status: missing.length > 0 ? `${state}, but fails (${missing.join("; ")})` : state };
  } catch {
    return { ...row, status: "does not answer" };
  }
}
