// Runs the slow proofs, and knows which have to run: .ci/proofs.json holds, for each proof, the hash of its inputs when
// it last passed. HELP explains the commands.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseArgs } from "node:util";

const STATE = ".ci/proofs.json";

/** These are no input of each proof. What only tests use is the input of the proofs that import it. */
const NOT_OF_ALL = [
  ...["cli", "dashboard", "demo", "engine-opencode", "oidc-issuer"],
  ...["chaos", "docs-generator", "e2e", "e2e-kit", "fuzz", "grafana", "k8s-checks", "rollout"],
];

/** What proofs read, as patterns of git. A proof also reads its own file, and the files that this imports. */
const GROUPS = {
  packages: [
    ":(glob)packages/*/src/**",
    ...NOT_OF_ALL.map((name) => `:(exclude)packages/${name}`),
    "proto",
    "pnpm-lock.yaml",
    ".ci/bundle.mjs",
  ],
  queue: ["services/queue/src", "services/queue/lua"],
  executor: ["services/executor/src"],
  gateway: ["services/gateway/src", "services/gateway/lua"],
  monitor: ["services/monitor/src", "services/monitor/lua"],
  notification: ["services/notification/src", "services/notification/lua"],
  services: [":(glob)services/*/src/**", ":(glob)services/*/lua/**"],
  command: ["packages/cli/src", "packages/cli/bin"],
  dashboard: ["packages/dashboard", "packages/oidc-issuer/src"],
  opencode: ["packages/engine-opencode/src"],
  python: ["clients/python"],
  deploy: ["deploy", "k8s"],
  setup: ["Makefile", "deploy/setup.sh", "deploy/npm", "packages/demo/src"],
  otel: ["deploy/otel"],
  otherLanguages: [":(glob)docs/other-languages.md", "proto"],
  pack: [".ci/pack"],
  fixtures: ["packages/e2e/fixtures"],
  playedHost: ["packages/e2e/src/played-host.mjs"],
  examples: ["README.md", "docs", ":(glob)packages/*/README.md", ":(glob)services/*/README.md"],
};

const HELP = `Usage: node .ci/proofs.mjs <command> [options] [proof...]

A slow proof is a file *.slow.test.ts, or a command of ${STATE}. It is named as there, or by a part of that name.

Commands:
  run      run the named proofs, or all but those that are run by hand. A proof that passes is recorded in
           ${STATE}: commit that file
  changed  list the proofs whose inputs differ from those with which they last passed
  check    fail if a proof has no entry in ${STATE}, or if an entry has no proof or no input

Options of run:
  --changed    run what 'changed' lists, and one more by rotation; of those that are run by hand, only say that they changed
  --jobs <n>   how many at a time (default: 2)
  --no-record  record nothing
`;

const state = () => JSON.parse(readFileSync(STATE, "utf8"));

/** The files of git that fit the patterns, as they are in the working tree. */
function listed(patterns) {
  const arguments_ = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const names = execFileSync("git", arguments_, { maxBuffer: 1 << 26 })
    .toString()
    .split("\0");
  return names.filter((name) => name && existsSync(name));
}

/** A file, and all files that it imports by a relative path, or as a file of another package: "@ccsp/chaos/run.js". */
function imported(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+|@ccsp\/[^"]+)"/g)) {
    const place = path.startsWith(".") ? join(dirname(file), path) : path.replace(/^@ccsp\/([^/]+)/, "packages/$1/src");
    const other = normalize(place).replace(/\.js$/, ".ts");
    if (statSync(other, { throwIfNoEntry: false })?.isFile()) imported(other, found);
  }
  return found;
}

/** The groups that have pages in them. A page is no input of the others. */
const WITH_PAGES = new Set(["examples", "otherLanguages"]);
const isInput = (name, withPages) => !name.endsWith(".test.ts") && (withPages || !name.endsWith(".md"));

/** The inputs of each group, read once. */
const groups = new Map();
function inputsOf(group) {
  if (!groups.has(group)) {
    if (!(group in GROUPS)) throw new Error(`${STATE} names the group ${group}, which .ci/proofs.mjs does not have`);
    groups.set(
      group,
      listed(GROUPS[group]).filter((name) => isInput(name, WITH_PAGES.has(group))),
    );
  }
  return groups.get(group);
}

const hashes = new Map();
const hashOfFile = (file) => {
  if (!hashes.has(file)) hashes.set(file, createHash("sha256").update(readFileSync(file)).digest("hex"));
  return hashes.get(file);
};

/** The hash of all that a proof reads, with the names of the files. */
function hashOf({ file, reads }) {
  const files = new Set([...reads.flatMap(inputsOf), ...(file ? imported(file) : [])]);
  const hash = createHash("sha256");
  for (const name of [...files].sort()) hash.update(`${name}\0${hashOfFile(name)}\n`);
  return hash.digest("hex").slice(0, 20);
}

function check() {
  const { proofs } = state();
  const files = listed([":(glob)**/*.slow.test.ts"]);
  const named = Object.values(proofs).map(({ file }) => file);
  const faults = [
    ...files.filter((file) => !named.includes(file)).map((file) => `${file} has no entry`),
    ...named.filter((file) => file && !existsSync(file)).map((file) => `${file} does not exist`),
    ...Object.values(proofs)
      .flatMap(({ reads }) => reads)
      .filter((group) => inputsOf(group).length === 0)
      .map((group) => `the group ${group} has no file`),
  ];
  for (const fault of new Set(faults)) console.log(`${STATE}: ${fault}`);
  return faults.length === 0;
}

/** Runs a proof. Its output is printed at the end in one piece, because others run beside it. */
async function run(name, { file, environment = {}, command }) {
  const began = Date.now();
  console.log(`proof ${name} …`);
  const [program, ...rest] = command ?? ["mocha", "--reporter", "./mocha-reporter.cjs", file];
  const child = spawn(program, rest, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(data));
  const status = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code ?? signal));
  });
  process.stdout.write(`\n── ${name}\n`);
  process.stdout.write(Buffer.concat(output));
  console.log(
    `proof ${name} ${status === 0 ? "passed" : `FAILED (${status})`} after ${Math.round((Date.now() - began) / 1000)} s`,
  );
  // A proof that skipped all of its tests has proven nothing.
  const skipped = /^0 passed, 0 failed$/m.test(Buffer.concat(output).toString());
  return status !== 0 ? "failed" : skipped ? "skipped" : "passed";
}

function record(name, hash) {
  const now = state();
  now.proofs[name].passed = hash;
  writeFileSync(STATE, `${JSON.stringify(now, undefined, 2)}\n`);
}

function chosen(names, { changed }) {
  const all = Object.entries(state().proofs);
  if (names.length > 0) return all.filter(([name]) => names.some((part) => name.includes(part)));
  const here = all.filter(([, { byHand }]) => !byHand);
  if (!changed) return here;
  for (const [name, proof] of all) {
    if (proof.byHand && proof.passed !== hashOf(proof))
      console.log(`proof ${name}: its inputs changed since it last passed; it is run by hand: ${proof.byHand}`);
  }
  // A commit chooses its proof, so that a run can be repeated.
  const turn = Number(execFileSync("git", ["rev-list", "--count", "HEAD"]).toString()) % here.length;
  return here.filter(([, proof], index) => index === turn || proof.passed !== hashOf(proof));
}

async function runAll(names, { changed, jobs, record: recording }) {
  const todo = chosen(names, { changed });
  if (todo.length === 0) throw new Error(`no proof is named ${names.join(", ")}`);
  console.log(`proofs: ${todo.map(([name]) => name).join(", ")}`);
  let failed = 0;
  const work = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const [name, proof] = next;
      const hash = hashOf(proof);
      const outcome = await run(name, proof);
      if (outcome === "failed") failed += 1;
      if (outcome === "passed" && recording) record(name, hash);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failed === 0;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    changed: { type: "boolean", default: false },
    jobs: { type: "string", default: "2" },
    "no-record": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [command, ...names] = positionals;
if (values.help) console.log(HELP);
else if (command === "check") process.exitCode = check() ? 0 : 1;
else if (command === "changed") {
  for (const [name, proof] of Object.entries(state().proofs)) if (proof.passed !== hashOf(proof)) console.log(name);
} else if (command === "run") {
  const ok = await runAll(names, { changed: values.changed, jobs: Number(values.jobs), record: !values["no-record"] });
  process.exitCode = ok ? 0 : 1;
} else {
  process.stderr.write(HELP);
  process.exitCode = 2;
}
