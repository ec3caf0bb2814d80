import type { EngineEvent } from "@ccsp/engine-kit";

/** Names of a part of a message, as OpenCode gives them. */
export interface PartIds {
  readonly part: string | undefined;
  readonly message: string | undefined;
}

/**
 * Puts together what comes in pieces and, once more, as a whole.
 *
 * Lines of the CLI and of the relay are not in order with each other: pieces may come after their whole. When a connection breaks, OpenCode asks
 * again and begins a new part of the same message. Mostly it begins as the one before: that is not told twice. Where it does not, the message is
 * taken back, and told anew without what was broken off. OpenCode cuts white space off the end of a whole part, so it waits for what follows.
 */
export class Answer {
  readonly #completed = new Set<string | undefined>();
  #message: string | undefined;
  #number = 0;
  /** Complete parts of `message`. */
  #whole: string[] = [];
  #current: string | undefined;
  /** What was told of `message` after its complete parts: of the current part, or of one that was broken off. */
  #told = "";
  /** How much of that the current part has said too. */
  #reached = 0;
  /** White space at the end of what the current part has said. */
  #held = "";

  /** Takes a piece of a part; answers what is new of it. */
  add(ids: PartIds, piece: string): readonly EngineEvent[] {
    if (this.#completed.has(ids.part)) return [];
    this.#turnTo(ids);
    const shown = (this.#held + piece).trimEnd();
    this.#held = (this.#held + piece).slice(shown.length);
    const [told, reached] = [this.#told, this.#reached];
    const repeated = told.slice(reached, reached + shown.length);
    if (!shown.startsWith(repeated)) {
      this.#told = told.slice(0, reached) + shown;
      this.#reached = this.#told.length;
      return this.#replace(this.#told);
    }
    const news = shown.slice(repeated.length);
    this.#told += news;
    this.#reached += shown.length;
    return this.#say(news);
  }

  /** Takes a whole part; answers what had not come in pieces. */
  complete(ids: PartIds, part: string): readonly EngineEvent[] {
    this.#turnTo(ids);
    const told = this.#told;
    const events = part.startsWith(told) ? this.#say(part.slice(told.length)) : this.#replace(part);
    this.#completed.add(ids.part);
    this.#whole.push(part);
    this.#told = "";
    this.#begin(undefined);
    return events;
  }

  /** Text of the last message that had some. */
  text(): string {
    return this.#whole.join("");
  }

  #turnTo(ids: PartIds): void {
    if (ids.message !== this.#message) {
      this.#message = ids.message;
      this.#number += 1;
      this.#whole = [];
      this.#told = "";
    }
    if (ids.part !== this.#current) this.#begin(ids.part);
  }

  #begin(part: string | undefined): void {
    this.#current = part;
    this.#reached = 0;
    this.#held = "";
  }

  #say(text: string): readonly EngineEvent[] {
    return text === "" ? [] : [{ type: "text", text, message: this.#number }];
  }

  /** The current part is not what was told of it. */
  #replace(part: string): readonly EngineEvent[] {
    const before = this.#number;
    this.#number += 1;
    return [{ type: "taken-back", message: before }, ...this.#say(this.#whole.join("") + part)];
  }
}
