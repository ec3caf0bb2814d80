import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Starts a script with tracing loaded, from the compiled packages, and collects its log lines. */
export function startTraced(script: string, args: string[], env: Record<string, string>) {
  const node = ["--import", path("../dist/register.js"), path(script)];
  const child = spawn(process.execPath, [...node, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const out: Record<string, unknown>[] = [];
  const err: string[] = [];
  createInterface(child.stdout).on("line", (line) => out.push(JSON.parse(line)));
  createInterface(child.stderr).on("line", (line) => err.push(line));
  const logged = (msg: string): Record<string, unknown> => {
    const line = out.find((entry) => entry["msg"] === msg);
    assert.ok(line, `no line "${msg}" in ${JSON.stringify(out)}\n${err.join("\n")}`);
    return line;
  };
  const ended = once(child, "close").then(([code]) => ({ code, err }));
  return { child, logged, ended };
}
