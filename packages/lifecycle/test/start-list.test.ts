import assert from "node:assert/strict";
import { pino } from "pino";
import { runService, type StartContext, startList } from "../src/index.js";

const log = pino({ level: "silent" });

/** Runs a service that starts so and stops when it is ready. Resolves to its exit code. */
async function run(start: (config: string, context: StartContext) => Promise<void>): Promise<number> {
  const stop = new AbortController();
  return await runService(
    log,
    async (context) => {
      // The lists of these tests use only what `runService` gives.
      await start("settings", context as StartContext);
      stop.abort();
    },
    { stop: stop.signal, handleSignals: false },
  );
}

describe("A start as a list", () => {
  it("opens its parts from top to bottom, gives each those above it, and closes them from bottom to top", async () => {
    const said: string[] = [];
    const resource = async (name: string) => {
      said.push(`open ${name}`);
      return { name, close: async () => void said.push(`close ${name}`) };
    };
    const list = startList<string>()
      .open("store", ({ config }) => resource(`store of ${config}`))
      .add("rules", ({ store }) => `rules on ${store.name}`)
      .open("loop", ({ rules }) => resource(`loop of ${rules}`));
    assert.equal(await run(list.start), 0);
    assert.deepEqual(said, [
      "open store of settings",
      "open loop of rules on store of settings",
      "close loop of rules on store of settings",
      "close store of settings",
    ]);
  });

  it("opens nothing below a part that fails, and closes what is above it", async () => {
    const said: string[] = [];
    const list = startList<string>()
      .open("store", () => ({ close: async () => void said.push("closed") }))
      .add("rules", () => {
        throw new Error("cannot be read");
      })
      .add("ports", () => said.push("opened"));
    assert.equal(await run(list.start), 1);
    assert.deepEqual(said, ["closed"]);
  });

  it("compiles only if a part uses what is above it, and if its name is new", () => {
    const list = startList<string>().add("rules", () => 1);
    // @ts-expect-error: there is no store.
    list.add("ports", ({ store }) => store);
    // @ts-expect-error: there are rules.
    list.add("rules", () => 2);
    // @ts-expect-error: every service has a log.
    list.add("log", () => 3);
    // @ts-expect-error: it has nothing to close.
    list.open("ports", () => 4);
  });
});
