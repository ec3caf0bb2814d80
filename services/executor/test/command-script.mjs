// An example of a command that an operator may declare. It reads a prompt to its end and prints an answer. The prompt's
// first line selects the answer.
import { setTimeout as delay } from "node:timers/promises";

let prompt = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) prompt += chunk;
const [, what, argument = ""] = /^(\S+) ?(.*)/.exec(prompt) ?? [];

if (what === "answer") {
  for (const byte of Buffer.from(argument)) {
    process.stdout.write(Buffer.of(byte));
    await delay(1);
  }
} else if (what === "huge") {
  process.stdout.write("0123456789abcdef".repeat(Number(argument) / 16));
} else if (what === "hang" || what === "hang-after-text") {
  if (what === "hang-after-text") process.stdout.write("so far");
  setInterval(() => {}, 60_000);
} else if (what === "fail") {
  process.stderr.write("something went wrong\n");
  process.stdout.write("half an ans");
  process.exitCode = 3;
} else if (what === "report") {
  process.stdout.write(JSON.stringify({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd() }));
}
