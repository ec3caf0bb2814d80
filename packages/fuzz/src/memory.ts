import assert from "node:assert/strict";
import type { World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

/** The `NODE_OPTIONS` with which services answer `heapsOf`. */
export const MEASURED = `--expose-gc --import ${new URL("collect-on-signal.mjs", import.meta.url).href}`;

/** Bytes in the heap of each service after a collection, by its name. */
export async function heapsOf({ fleet, lines }: World): Promise<ReadonlyMap<string, number>> {
  const from = lines.length;
  for (const { process: service } of fleet.processes()) process.kill(service.pid, "SIGUSR2");
  return eventually(
    async () => {
      const said = new Map(lines.slice(from).flatMap(readLine));
      return new Map(
        fleet.processes().map(({ name, process: { pid } }) => {
          const bytes = said.get(pid);
          assert.ok(bytes !== undefined, `the ${name} has not collected its garbage`);
          return [name, bytes];
        }),
      );
    },
    { timeoutMs: 60_000, what: "each service to collect its garbage" },
  );
}

function readLine(line: string): readonly (readonly [number, number])[] {
  const [, pid, bytes] = /"heapOf":(\d+),"bytes":(\d+)/.exec(line) ?? [];
  return pid === undefined ? [] : [[Number(pid), Number(bytes)]];
}
