#!/usr/bin/env node
// A CLI like the one in docs/adding-an-engine.md. It reads a prompt from standard input and prints lines of JSON. The
// first line of the prompt says what the CLI does.
if (process.argv.includes("--version")) {
  process.stdout.write("my-agent 1.5.0\n");
} else {
  let prompt = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) prompt += chunk;
  const [, what, argument = ""] = /^(\S+) ?(.*)/.exec(prompt) ?? [];
  const text = what === "huge" ? "0123456789".repeat(Number(argument) / 10) : argument;
  if (what === "answer" || what === "huge") {
    for (let from = 0; from < text.length; from += 10_000) say({ type: "text", text: text.slice(from, from + 10_000) });
    say({ type: "end", answer: text });
  } else if (what === "no-login") {
    say({ type: "end", error: "no_login" });
  } else if (what === "crash") {
    process.kill(process.pid, "SIGKILL");
  } else {
    if (what === "hang-after-text") say({ type: "text", text: "so far" });
    setInterval(() => {}, 60_000);
  }
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
