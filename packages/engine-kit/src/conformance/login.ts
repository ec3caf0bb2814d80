import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { pino } from "pino";
import type { Prepared } from "../supervisor.js";
import { plainRequest } from "./request.js";
import type { EngineRig } from "./rig.js";

/** Throws if a run of the engine would not have its login where the engine says it has. */
export async function checkLogin(rig: EngineRig, env: Readonly<Record<string, string>>): Promise<void> {
  const without = await startOf(rig, env, true);
  const { provider } = without.prepared;
  assert.equal(provider !== undefined, without.brokered, "`brokered` of the engine, and `provider` of its runs");
  const within = await startOf(rig, env, false);
  assert.equal(within.prepared.provider, undefined, "no broker, no provider");
  if (provider === undefined) return;
  assert.match(provider.url, /^https?:/);
  assert.ok(provider.login.length > 0, "a login");
  for (const { secret, placeholder } of provider.login) {
    assert.ok(!without.holds.includes(await secret()), "the run of a broker holds the login");
    assert.ok(without.holds.includes(placeholder), "the run of a broker has no placeholder");
    assert.ok(within.holds.includes(await secret()), "a run without a broker has no login");
  }
}

/** What the engine gives to a run at its start. The run does not start. */
async function startOf({ plugin }: EngineRig, env: Readonly<Record<string, string>>, brokers: boolean) {
  const path = await mkdtemp(join(tmpdir(), "ccsp-engine-login-"));
  const folder = { path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
  for (const part of [folder.work, folder.home, folder.tmp]) await mkdir(part);
  const starts: Prepared[] = [];
  const { config } = load({ PATH: process.env["PATH"], ...env }, (settings) => plugin.define(settings));
  try {
    const engine = await plugin.open(config, {
      supervisor: {
        async start({ prepare }) {
          starts.push(await prepare(folder, brokers));
          throw NOT_STARTED;
        },
      },
      log: pino({ level: "silent" }),
      onUnknownLine: () => {},
      onUnknownFailure: () => {},
    });
    await assert.rejects(engine.start(plainRequest("task", "prompt")), NOT_STARTED);
    const prepared = starts.at(-1) ?? assert.fail("nothing was prepared");
    const holds = [JSON.stringify([prepared.args, prepared.env, prepared.input]), ...(await textsIn(path))].join("\n");
    return { brokered: engine.brokered ?? false, prepared, holds };
  } finally {
    await rm(path, { recursive: true });
  }
}

const NOT_STARTED = new Error("the suite looks only at what a run would get");

async function textsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return await Promise.all(
    entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")),
  );
}
