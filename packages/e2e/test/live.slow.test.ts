import assert from "node:assert/strict";
import { measureCrowd } from "../src/live-crowd.js";

/** The bound of what the gateway holds for one reader who does not read, with room for what surrounds it. */
const MB_PER_SILENT = 1;
/** For what comes and goes while 500 readers are served. */
const MB_OF_WORK = 150;

describe("500 readers of a gateway's WebSocket, of whom 50 stop to read", function () {
  this.timeout(600_000);

  it("get every event once, the others learn how many they missed, and memory stays bounded", async () => {
    const [readers, silent] = [500, 50];
    const { events, whole, accounted, missed, latenessMs, gatewayMb } = await measureCrowd({
      readers,
      silent,
      seconds: 20,
    });
    const late = latenessMs.toSorted((a, b) => a - b);
    const p = (share: number) => late[Math.floor(late.length * share)];
    console.log(`      ${events} events; late: median ${p(0.5)} ms, p99 ${p(0.99)} ms, most ${late.at(-1)} ms`);
    console.log(
      `      the silent missed ${missed}; gateway ${gatewayMb.before} MB before, ${gatewayMb.after} MB after`,
    );
    assert.equal(whole, readers - silent);
    assert.equal(accounted, silent * 20);
    assert.ok(missed > 0, "the silent readers were never over their bound");
    assert.ok(gatewayMb.after - gatewayMb.before < silent * MB_PER_SILENT + MB_OF_WORK, JSON.stringify(gatewayMb));
  });
});
