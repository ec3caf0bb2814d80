// `make bench-queue`. docs/benchmarks.md says what each figure means and how it is measured.
import { loadavg } from "node:os";
import { startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { benchClear } from "./clear.js";
import { benchCost } from "./cost.js";
import { benchDepth } from "./depth.js";
import { benchGrpc } from "./grpc.js";
import { createReports, type Report } from "./report.js";
import { benchRoundtrip } from "./roundtrip.js";
import { benchStore } from "./store.js";
import { benchWake } from "./wake.js";
import { benchWatch } from "./watch.js";

interface Section {
  readonly figures: readonly string[];
  /** Measured only in the first mode, because persistence does not affect it. */
  readonly once?: true;
  readonly run: (url: string, report: Report) => Promise<void>;
}

const SECTIONS: readonly Section[] = [
  { figures: ["enqueue", "done"], run: benchStore },
  { figures: ["cost"], run: benchCost },
  { figures: ["grpc", "batch"], run: benchGrpc },
  { figures: ["roundtrip"], run: benchRoundtrip },
  { figures: ["depth", "bytes"], once: true, run: benchDepth },
  { figures: ["watch"], run: benchWatch },
  { figures: ["wake"], run: benchWake },
  { figures: ["count", "clear"], run: benchClear },
];

const MODES: Readonly<Record<string, readonly string[]>> = {
  "persistence off": [],
  everysec: ["--appendonly", "yes", "--appendfsync", "everysec"],
};

const known = SECTIONS.flatMap(({ figures }) => figures);
const only = (process.env["ONLY"] ?? "").split(",").filter((name) => name !== "");
const unknown = only.filter((name) => !known.includes(name) && name !== "help");
if (process.argv.includes("--help") || only.includes("help") || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such figure: ${unknown.join(", ")}`);
  console.log(`make bench-queue [ONLY=figure,…]\nfigures: ${known.join(", ")}; docs/benchmarks.md says what they are`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const reports = createReports();
for (const [index, [mode, args]] of Object.entries(MODES).entries()) {
  const report = reports.of(mode);
  const redis = await startRedis({ args });
  const client = new Redis(redis.url);
  try {
    for (const { figures, run, once } of SECTIONS) {
      if (once && index > 0) continue;
      if (only.length > 0 && !figures.some((name) => only.includes(name))) continue;
      report.say(`measuring ${figures.join(", ")}`);
      await client.flushall();
      await run(redis.url, report);
    }
  } finally {
    client.disconnect();
    await redis.stop();
  }
}
console.log(
  `load average of this machine while it ran: ${loadavg()
    .map((load) => load.toFixed(1))
    .join(", ")}; about 2 of it is ours`,
);
reports.finish();
