#!/usr/bin/env node
// A CLI as docs/adding-an-engine.md has one: a prompt on standard input, lines of JSON out. The prompt's first line says what it does.
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
