import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CcspClient } from "@ccsp/client";
import type { World } from "@ccsp/e2e-kit/world.js";
import { engineProcesses, eventually } from "@ccsp/testkit";
import { processesOf } from "./runs.js";

let gates = 0;

/** Starts a run of the scripted engine that goes on until `end` is called. Resolves when its process is there. */
export async function startGatedRun(
  world: World,
  client: CcspClient,
  labels: Readonly<Record<string, string>> = {},
): Promise<{ readonly id: string; readonly end: () => Promise<void> }> {
  gates += 1;
  const file = join(world.dataDir, `gate-${gates}`);
  const { id } = await client.submit({ prompt: `Review [[gate:${file}]]`, labels });
  const runs = async () => assert.notDeepEqual(engineProcesses(await processesOf([id])), []);
  await eventually(runs, { timeoutMs: 60_000, what: "a run" });
  return { id, end: () => writeFile(file, "") };
}
