import { at, countAt, type Json, textAt, type Usage } from "@ccsp/engine-kit";

/**
 * Adds up the usage of the model's messages while the run continues. Methods return true when a message has become
 * complete: then it is time to tell the counts. The totals of the result replace them at the end, because only these
 * also have the requests for which the CLI writes no message.
 */
export interface UsageSoFar {
  /** Takes a message of which the first event arrived. */
  begin(message: Json | undefined): void;
  /** Takes the final counts of the message that began last. */
  end(usage: Json | undefined): boolean;
  /** Takes a message, or one block of it. `ours`: it is not a message of a sub-agent. */
  whole(message: Json | undefined, ours: boolean): boolean;
  /** Complete messages, without those of sub-agents. */
  readonly turns: number;
  /** Includes sub-agents. Undefined: no message had counts. */
  readonly usage: Usage | undefined;
}

/** Lines of one message are near each other, also when sub-agents write at the same time. */
const MOST_MESSAGES = 1_000;

export function createUsageSoFar(): UsageSoFar {
  /** The newest, by id. The CLI writes a message several times, and each line has its counts so far. */
  const messages = new Map<string, { usage: Usage; complete: boolean }>();
  let total: Usage | undefined;
  let turns = 0;
  let current: string | undefined;

  /** Counts only grow. A line with the beginning of a message may come after the line with its final counts. */
  const count = (id: string, usage: Json | undefined): void => {
    if (usage === undefined) return;
    const message = messageOf(id);
    const before = message.usage;
    const now = each((name) => Math.max(before[name], countAt(usage, FIELDS[name]) ?? 0));
    message.usage = now;
    total = each((name) => (total?.[name] ?? 0) + now[name] - before[name]);
  };
  const completed = (id: string): boolean => {
    const message = messageOf(id);
    const { complete } = message;
    message.complete = true;
    return !complete;
  };
  const messageOf = (id: string) => {
    const message = messages.get(id) ?? { usage: NOTHING, complete: false };
    messages.set(id, message);
    const [oldest] = messages.keys();
    if (messages.size > MOST_MESSAGES && oldest !== undefined) messages.delete(oldest);
    return message;
  };

  return {
    begin(message) {
      current = textAt(message, "id");
      if (current !== undefined) count(current, at(message, "usage"));
    },
    end(usage) {
      if (current === undefined) return false;
      count(current, usage);
      if (!completed(current)) return false;
      turns += 1;
      return true;
    },
    whole(message, ours) {
      const id = textAt(message, "id");
      if (id === undefined) return false;
      count(id, at(message, "usage"));
      // The end of a streamed message comes later, with the final counts.
      if (id === current || !completed(id)) return false;
      if (ours) turns += 1;
      return true;
    },
    get turns() {
      return turns;
    },
    get usage() {
      return total;
    },
  };
}

/** The fields of the provider's counts. */
const FIELDS: Readonly<Record<keyof Usage, string>> = {
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  cacheReadTokens: "cache_read_input_tokens",
  cacheCreationTokens: "cache_creation_input_tokens",
};

const each = (of: (name: keyof Usage) => number): Usage => ({
  inputTokens: of("inputTokens"),
  outputTokens: of("outputTokens"),
  cacheReadTokens: of("cacheReadTokens"),
  cacheCreationTokens: of("cacheCreationTokens"),
});

const NOTHING = each(() => 0);
