import assert from "node:assert/strict";
import { AlertState } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { eventually } from "@ccsp/testkit";
import { type AlertsRig, openAlertsRig, RULE } from "./alerts-rig.js";

const PATIENT = { timeoutMs: 60_000 };
const ENGINES = ["k1", "k2", "k3", "k4", "k5", "k6"];

describe("alerts of two replicas of monitor", function () {
  this.timeout(180_000);
  let rig: AlertsRig;
  before(async () => {
    rig = await openAlertsRig();
  });
  after(() => rig.close());

  it("are reported once when the replica that judges is killed meanwhile", async () => {
    const [one, two] = [await rig.start("one"), await rig.start("two")];
    await one.client.putAlertRule({ rule: { ...RULE, name: "killed", threshold: 2 }, who: "ada" });
    const failTwice = async (engine: string) => {
      for (let run = 0; run < 2; run += 1) await rig.fail(engine);
    };
    await failTwice("k1");
    await eventually(async () => assert.deepEqual(await rig.told("killed"), ["firing k1"]), PATIENT);

    const leader = await rig.redis.client.get("ccsp:monitor:{0}:leader");
    const [dying, left] = leader === "one" ? [one, two] : [two, one];
    for (const engine of ENGINES.slice(1, 4)) await failTwice(engine);
    await eventually(async () => assert.notEqual((await rig.told("killed")).length, 1), PATIENT);
    dying.process.kill("SIGKILL");
    for (const engine of ENGINES.slice(4)) await failTwice(engine);
    const all = ENGINES.map((engine) => `firing ${engine}`);
    await eventually(async () => assert.deepEqual((await rig.told("killed")).toSorted(), all), PATIENT);

    const { alerts } = await left.client.listAlerts({ rule: "killed" });
    assert.deepEqual(
      alerts.map(({ state, summary }) => `${AlertState[state]} ${summary}`).toSorted(),
      ENGINES.map((engine) => `FIRING 2 strange failures of ${engine}`),
    );
    await left.client.putAlertRule({ rule: { ...RULE, name: "killed", disabled: true }, who: "ada" });
    const ends = ENGINES.map((engine) => `resolved ${engine}`);
    await eventually(async () => assert.deepEqual((await rig.told("killed")).toSorted(), [...all, ...ends]), PATIENT);
  });
});
