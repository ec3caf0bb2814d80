import { useState } from "preact/hooks";
import { stateWords, wordOf } from "../i18n/states.js";
import { taskWords } from "../i18n/task.js";
import { Time } from "../parts/text.js";
import type { LogEntry } from "./log.js";

const MOST_LINES = 500;

/** The log, a line for each entry. Deltas that follow each other are one line. */
export function LogList({ entries }: { readonly entries: readonly LogEntry[] }) {
  const word = taskWords();
  const [open, setOpen] = useState(false);
  const lines = open ? linesOf(entries) : [];
  return (
    <details class="log" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{word.log(entries.length)}</summary>
      {lines.length > MOST_LINES && <p class="third small">{word.logCut(MOST_LINES)}</p>}
      <ol class="small">
        {lines.slice(-MOST_LINES).map(({ entry, text }) => (
          <li key={entry.sequence}>
            <span class="third">{entry.sequence}</span>
            <span class="third">{entry.time && <Time at={entry.time} />}</span>
            <span class="third">{entry.attempt > 0 ? word.attempt(entry.attempt) : ""}</span>
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}

interface Line {
  readonly entry: LogEntry;
  readonly text: string;
}

function linesOf(entries: readonly LogEntry[]): readonly Line[] {
  const lines: Line[] = [];
  let characters = 0;
  for (const [index, entry] of entries.entries()) {
    if (entry.textDelta) {
      characters += entry.textDelta.text.length;
      if (entries[index + 1]?.textDelta) continue;
    }
    lines.push({ entry, text: entryWords(entry, characters) });
    characters = 0;
  }
  return lines;
}

function entryWords(entry: LogEntry, characters: number): string {
  const word = taskWords();
  const states = stateWords().task;
  const because = (why: string | undefined) => (why ? `: ${why}` : "");
  if (entry.stateChanged) {
    const { state, reason, error } = entry.stateChanged;
    return wordOf(states, state) + because(reason || error?.message);
  }
  if (entry.taskEnded) return wordOf(states, entry.taskEnded.state) + because(entry.taskEnded.error?.message);
  if (entry.textDelta) return word.entries.text(characters);
  if (entry.toolUse) return word.entries.tool(entry.toolUse.name);
  if (entry.usageSoFar) return word.entries.usage;
  if (entry.textTakenBack) return word.entries.takenBack;
  if (entry.engineNotice) return entry.engineNotice.message;
  return word.entries.other;
}
