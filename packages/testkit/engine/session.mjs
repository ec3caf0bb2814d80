import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A conversation, kept where the real CLI keeps it; undefined when the one to resume is not there. */
export function openSession(flags) {
  const config = process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), ".claude");
  const folder = join(config, "projects", process.cwd().replaceAll(/[^a-zA-Z0-9]/g, "-"));
  const fileOf = (id) => join(folder, `${id}.jsonl`);
  if (flags.resume !== undefined && !existsSync(fileOf(flags.resume))) return undefined;
  const earlier = flags.resume === undefined ? [] : promptsIn(fileOf(flags.resume));
  const id = flags.resume !== undefined && !flags.fork ? flags.resume : (flags.sessionId ?? randomUUID());
  return {
    id,
    earlier,
    remember(prompt) {
      mkdirSync(folder, { recursive: true });
      appendFileSync(fileOf(id), `${JSON.stringify({ type: "user", message: { role: "user", content: prompt } })}\n`);
    },
  };
}

function promptsIn(file) {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line).message.content);
}
