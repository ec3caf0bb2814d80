import { createHash, type Hash } from "node:crypto";
import type { EngineEvent } from "./engine.js";
import { FIRST_MESSAGE } from "./text.js";

/** Compares the text that a run's events had with the engine's final answer. */
export interface SentText {
  add(event: EngineEvent): void;
  /**
   * The events that make the last message equal to `answer`: its missing rest, or, when it differs, the whole answer in
   * place of that message. There are none for an empty answer: a run may end with a tool, and the text before the tool
   * stays.
   */
  settle(answer: string): readonly EngineEvent[];
}

export function createSentText(): SentText {
  /**
   * The messages that were not taken back. Only digests are kept, because the text may be megabytes and is needed only
   * for this.
   */
  const standing = new Map<number, { readonly digest: Hash; length: number }>();
  let newest = 0;

  return {
    add(event) {
      if (event.type === "taken-back") standing.delete(event.message);
      if (event.type !== "text") return;
      const { message = FIRST_MESSAGE, text } = event;
      newest = Math.max(newest, message);
      const sent = standing.get(message) ?? { digest: createHash("sha256"), length: 0 };
      standing.set(message, sent);
      sent.digest.update(text);
      sent.length += text.length;
    },
    settle(answer) {
      if (answer === "") return [];
      const last = Math.max(0, ...standing.keys());
      const sent = standing.get(last);
      if (!sent) return [{ type: "text", text: answer, message: newest + 1 }];
      if (digestOf(answer.slice(0, sent.length)) === sent.digest.copy().digest("hex")) {
        const rest = answer.slice(sent.length);
        return rest === "" ? [] : [{ type: "text", text: rest, message: last }];
      }
      return [
        { type: "taken-back", message: last },
        { type: "text", text: answer, message: newest + 1 },
      ];
    },
  };
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");
