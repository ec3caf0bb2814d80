#!/usr/bin/env node
// A stand-in for the `claude` CLI: it has the same flags and the same stream-json, but no model. Markers in the prompt
// choose what it does (the table is in README.md). It is plain JavaScript and uses only node: modules, so it starts
// fast and needs no build.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { answer } from "./answer.mjs";
import { CommandLineError, HELP, readCommandLine, VERSION } from "./command-line.mjs";
import { MarkerError, readMarkers } from "./markers.mjs";
import { openSession } from "./session.mjs";

process.stdout.on("error", () => process.exit(1));
// The exit codes of the real CLI: 143 on SIGTERM, and 0 without a result on SIGINT.
process.on("SIGTERM", () => process.exit(143));
process.on("SIGINT", () => process.exit(0));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandLineError || error instanceof MarkerError)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof MarkerError ? 64 : 1;
}
process.stdin.destroy();

async function main(argv) {
  const flags = readCommandLine(argv);
  if (flags.version) {
    console.log(`${VERSION} (Claude Code)`);
    return 0;
  }
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const session = openSession(flags);
  if (!session) {
    console.error(`No conversation found with session ID: ${flags.resume}`);
    return 1;
  }
  let exitCode = 0;
  for await (const prompt of prompts(flags)) {
    session.remember(prompt);
    exitCode = await answer({ prompt, markers: readMarkers(prompt), flags, session });
  }
  return exitCode;
}

async function* prompts(flags) {
  if (flags.inputFormat === "text") {
    const typed = flags.prompt ?? (await allOf(process.stdin));
    if (typed === "")
      throw new CommandLineError("Error: Input must be provided either through stdin or as a prompt argument");
    yield typed;
    return;
  }
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    if (line.trim() !== "") yield promptOf(line);
  }
}

function promptOf(line) {
  try {
    const { content } = JSON.parse(line).message;
    return typeof content === "string" ? content : content.map((block) => block.text ?? "").join("");
  } catch (error) {
    throw new CommandLineError(`Error parsing streaming input line: ${line.slice(0, 200)}: ${String(error)}`);
  }
}

async function allOf(stream) {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks).toString("utf8").trim();
}
