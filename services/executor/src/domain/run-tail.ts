import type { EngineEvent } from "@ccsp/engine-kit";

/**
 * The end of the text that a run's engine has written, for people who watch the run. Messages have an empty line
 * between them, and a short note shows where one was taken back. The task's log has the whole text.
 */
export interface RunTail {
  add(event: EngineEvent): void;
  /** To be called when no more events come. */
  end(): void;
  /** The end of the text: at most `TAIL_BYTES` of whole characters. */
  last(): string;
  /**
   * Yields the end of the text, which may be empty. Then yields all new text, until `end` or until `signal` aborts.
   * Keeps nothing for its reader: a slow reader gets a gap and continues with the newest text.
   */
  follow(signal: AbortSignal): AsyncGenerator<TailPart, void, undefined>;
}

export interface TailPart {
  readonly text: string;
  /** Text is missing before this part. */
  readonly gap: boolean;
}

export const TAIL_BYTES = 16 * 1024;
/** UTF-16 code units that a reader may be behind. */
const KEPT = 64 * 1024;

export function createRunTail(): RunTail {
  let kept = "";
  let written = 0;
  let ended = false;
  let waiting: (() => void)[] = [];
  let message: number | undefined;

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const resume of woken) resume();
  }

  const last = (): string => lastBytes(kept.slice(-TAIL_BYTES));

  function add(text: string): void {
    written += text.length;
    kept += text;
    // Not at each piece: each cut copies the whole text.
    if (kept.length > 2 * KEPT) kept = kept.slice(-KEPT);
    wake();
  }

  return {
    last,
    add(event) {
      if (event.type === "taken-back") add("\n[taken back]");
      if (event.type !== "text") return;
      add(written > 0 && event.message !== message ? `\n\n${event.text}` : event.text);
      message = event.message;
    },
    end() {
      ended = true;
      wake();
    },
    async *follow(signal) {
      let seen = written;
      signal.addEventListener("abort", wake, { once: true });
      yield { text: last(), gap: false };
      while (!signal.aborted) {
        if (seen < written) {
          const gap = written - seen > kept.length;
          const text = kept.slice(-(written - seen));
          seen = written;
          yield { text: gap ? fromWholeCharacter(text) : text, gap };
        } else if (ended) {
          return;
        } else {
          await new Promise<void>((resume) => waiting.push(resume));
        }
      }
    },
  };
}

function lastBytes(text: string): string {
  const bytes = Buffer.from(fromWholeCharacter(text)).subarray(-TAIL_BYTES);
  // Skips the bytes that continue a character.
  const start = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return bytes.toString("utf8", Math.max(0, start));
}

const fromWholeCharacter = (text: string): string => (/^[\udc00-\udfff]/.test(text) ? text.slice(1) : text);
