// `make shape`: how large the repository is, in lines and words, against the last release, and how long its tests
// last took. It writes the numbers to .ci/shape.json. `check`, a part of .ci/run, fails where the repository has outgrown
// that file, so that each change which grows it says so in its own diff.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const STATE = ".ci/shape.json";
/** What the last run of each test file took (mocha-reporter.cjs). */
const SECONDS = ".tools/log/test-seconds.json";

/** No user gets these packages. */
const FOR_TESTS = "chaos|docs-generator|e2e|e2e-kit|fuzz|k8s-checks|oidc-issuer|rollout|testkit";

/** The first that fits counts a file. What fits none is data, such as recordings, manifests and lock files. */
const AREAS = [
  ["generated", /^packages\/protos\/src\/gen\/.*\.ts$/],
  ["pages", /\.md$/],
  ["Lua", /\.lua$/],
  ["protos", /\.proto$/],
  ["tests", new RegExp(`^packages/(${FOR_TESTS})/.*\\.(ts|mjs|cjs|py|sh)$`)],
  ["tests", /(\.test\.tsx?|\/(test|tests|bench)\/.*\.(ts|tsx|mjs|py))$/],
  ["product", /^(packages|services|clients|deploy|k8s)\/.*\.(ts|tsx|mjs|cjs|js|css|py|sh)$/],
];
const FAMILIES = [
  ["slow proofs", /\.slow\.test\.ts$/],
  ["the whole fleet", /^packages\/e2e\//],
  ["one service", /\/test\//],
  ["units", /./],
];

/** The size of each area: words of pages, lines of the rest. */
function sizes() {
  const sums = Object.fromEntries(AREAS.map(([area]) => [area, 0]));
  for (const name of execFileSync("git", ["ls-files", "-z"], { maxBuffer: 1 << 26 })
    .toString()
    .split("\0")) {
    const [area] = AREAS.find(([, fits]) => fits.test(name)) ?? [];
    if (area === undefined || !existsSync(name)) continue;
    const text = readFileSync(name, "utf8");
    sums[area] += area === "pages" ? text.split(/\s+/).filter(Boolean).length : text.split("\n").length - 1;
  }
  return sums;
}

function print(now, release) {
  console.log(`area            now   since ${release.version}`);
  for (const [area, size] of Object.entries(now)) {
    const more = size - (release.sizes[area] ?? 0);
    const unit = area === "pages" ? " words" : "";
    console.log(`${area.padEnd(10)}${String(size).padStart(9)}${`${more < 0 ? "" : "+"}${more}`.padStart(14)}${unit}`);
  }
  const times = existsSync(SECONDS) ? Object.entries(JSON.parse(readFileSync(SECONDS, "utf8"))) : [];
  const sums = new Map(FAMILIES.map(([family]) => [family, 0]));
  for (const [file, seconds] of times) {
    const [family] = FAMILIES.find(([, fits]) => fits.test(file));
    sums.set(family, sums.get(family) + seconds);
  }
  for (const [family, seconds] of sums)
    if (seconds > 0) console.log(`tests of ${family}: ${Math.round(seconds)} s, one file after the other`);
}

const [command = "write"] = process.argv.slice(2);
const now = sizes();
if (command === "sizes") console.log(JSON.stringify(now));
else if (command === "check") {
  const { sizes: known } = JSON.parse(readFileSync(STATE, "utf8"));
  const outgrown = Object.entries(now).filter(([area, size]) => size > (known[area] ?? 0));
  for (const [area, size] of outgrown) console.log(`${STATE}: ${area} has ${size}, and the file says ${known[area]}`);
  if (outgrown.length > 0) console.log(`Run \`make shape\`, and commit ${STATE} with the change that grew them.`);
  process.exitCode = outgrown.length > 0 ? 1 : 0;
} else if (command === "write" || command === "release") {
  const state = JSON.parse(readFileSync(STATE, "utf8"));
  if (command === "release") {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    state.release = { version, sizes: now };
  }
  writeFileSync(STATE, `${JSON.stringify({ ...state, sizes: now }, undefined, 2)}\n`);
  print(now, state.release);
} else {
  process.stderr.write("Usage: node .ci/shape.mjs [write | check | release | sizes]\n");
  process.exitCode = 2;
}
