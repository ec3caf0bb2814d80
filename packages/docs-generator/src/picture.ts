// `make docs-picture`: writes docs/first-run.svg, a terminal in which the commands below were really typed. It starts a
// fleet with a simulated model in a folder of its own, and needs tmux.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { ROOT } from "./blocks.js";
import { terminal } from "./terminal-svg.js";

const run = promisify(execFile);
const COLUMNS = 96;
const LINES = 40;
const COMMANDS = [
  'ccsp run --working-folder . "Explain this repository in one sentence"',
  "ccsp list",
  "ccsp trace $(ccsp list -o name | head -1)",
];

const home = await mkdtemp(join(tmpdir(), "ccsp-picture-"));
const env = {
  PATH: [join(ROOT, ".tools/bin"), process.env["PATH"]].join(delimiter),
  HOME: home,
  USER: "ada",
  LANG: "C.UTF-8",
  TERM: "screen-256color",
  CCSP_STATE_DIR: join(home, "state"),
};
const socket = join(home, "tmux");
const tmux = async (...args: string[]) =>
  (await run("tmux", ["-S", socket, "-f", "/dev/null", ...args], { env })).stdout;

/** Waits until the shell shows its prompt after everything else, and returns the screen. */
let prompts = 0;
async function atPrompt(): Promise<string> {
  prompts++;
  for (const until = Date.now() + 60_000; Date.now() < until; await setTimeout(100)) {
    const screen = (await tmux("capture-pane", "-p")).trimEnd();
    const shown = screen.split("\n").filter((line) => line.startsWith("$"));
    if (shown.length === prompts && shown.at(-1) === "$" && screen.endsWith("$")) return screen;
  }
  throw new Error("the shell shows no prompt");
}

try {
  await run("ccsp", ["up", "--detach", "--simulator", "--ports", "free"], { env });
  const repository = join(home, "my-repository");
  await mkdir(repository);
  await writeFile(join(repository, "README.md"), "# Mine\n");
  await run("ccsp", ["folders", "allow", repository], { env }); // its output has the name of this temporary folder
  const shell = "env PS1='$ ' bash --noprofile --norc -i";
  await tmux("new-session", "-d", "-x", String(COLUMNS), "-y", String(LINES), "-c", repository, shell);
  for (const command of COMMANDS) {
    await atPrompt();
    await tmux("send-keys", "-l", command);
    await tmux("send-keys", "Enter");
  }
  const screen = await atPrompt();
  const lines = screen.split("\n").map((line) => line.trimEnd());
  while (/^\$?$/.test(lines.at(-1) ?? "x")) lines.pop();
  await writeFile(join(ROOT, "docs/first-run.svg"), terminal(lines, COLUMNS));
  console.log(lines.join("\n"));
} finally {
  await tmux("kill-server").catch(() => {});
  await run("ccsp", ["down"], { env }).catch(() => {});
  await rm(home, { recursive: true, force: true });
}
