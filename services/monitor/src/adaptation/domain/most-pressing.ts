import type { Pressure } from "./pressure.js";

/** For each subject, the limit that is forecast to be nearest to its end. */
export function mostPressing(pressures: readonly Pressure[]): ReadonlyMap<string, Pressure> {
  const most = new Map<string, Pressure>();
  for (const pressure of pressures) {
    const before = most.get(pressure.subject);
    if (before === undefined || pressure.predictedShare > before.predictedShare) most.set(pressure.subject, pressure);
  }
  return most;
}
