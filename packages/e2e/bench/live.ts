// `make bench-live`: measures how late events arrive at the readers of a gateway's WebSocket. 500 readers get 10 events
// a second. In one half of the rounds all of them read, in the other half 50 of them never do.

import { loadavg } from "node:os";
import { unlessBrief } from "@ccsp/testkit";
import { measureCrowd } from "../src/live-crowd.js";
import { median, ms, quantile } from "./quantile.js";

const ROUNDS = unlessBrief(2);
const SECONDS = unlessBrief(15, 2);
const READERS = unlessBrief(500, 20);

const ratios: number[] = [];
const p99s: number[] = [];
for (let round = 1; round <= ROUNDS; round += 1) {
  const p99 = async (silent: number): Promise<number> => {
    const { latenessMs, missed, gatewayMb } = await measureCrowd({ readers: READERS, silent, seconds: SECONDS });
    console.log(
      `round ${round}, ${silent} of ${READERS} never read: late by ${ms(latenessMs, 0.5)}, p99 ${ms(latenessMs, 0.99)}; ` +
        `${missed} missed; gateway ${gatewayMb.before} to ${gatewayMb.after} MB; load ${loadavg()[0]?.toFixed(1)}`,
    );
    return quantile(latenessMs, 0.99);
  };
  const quick = await p99(0);
  const slowed = await p99(READERS / 10);
  ratios.push(slowed / quick);
  p99s.push(slowed / 1_000);
}
console.log(`ratio live_p99_with_silent_vs_without ${median(ratios).toFixed(2)}`);
console.log(`ratio live_lateness_p99_seconds ${median(p99s).toFixed(3)}`);
