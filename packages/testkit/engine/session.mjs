import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/**
 * Opens a conversation. Its file is where the real CLI stores it. Returns undefined if the conversation to resume does
 * not exist.
 */
export function openSession(flags) {
  const config = process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), ".claude");
  // If `--resume` names a file, the conversation continues in that file.
  const file = flags.resume?.endsWith(".jsonl") ? flags.resume : undefined;
  const resume = file === undefined ? flags.resume : basename(file, ".jsonl");
  const folder = file ? dirname(file) : join(config, "projects", process.cwd().replaceAll(/[^a-zA-Z0-9]/g, "-"));
  const fileOf = (id) => join(folder, `${id}.jsonl`);
  if (resume !== undefined && !existsSync(fileOf(resume))) return undefined;
  const earlier = resume === undefined ? [] : promptsIn(fileOf(resume));
  const id = resume !== undefined && !flags.fork ? resume : (flags.sessionId ?? randomUUID());
  return {
    id,
    earlier,
    remember(prompt) {
      if (flags.persistent === false) return;
      mkdirSync(folder, { recursive: true });
      const before = id === resume || resume === undefined || existsSync(fileOf(id)) ? [] : earlier;
      for (const content of [...before, prompt]) {
        appendFileSync(fileOf(id), `${JSON.stringify({ type: "user", message: { role: "user", content } })}\n`);
      }
    },
  };
}

function promptsIn(file) {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line).message.content);
}
