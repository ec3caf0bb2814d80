import type { EngineEvent } from "@ccsp/engine-kit";

/** The ids that OpenCode gives to a part and to its message. */
export interface PartIds {
  readonly part: string | undefined;
  readonly message: string | undefined;
}

/**
 * Joins the text of an answer, which comes in pieces and then once more as a whole.
 *
 * Lines of the CLI and of the relay are not in order with each other: pieces may come after the whole part. When a
 * connection breaks, OpenCode asks again and begins a new part of the same message. Usually the new part begins like
 * the previous part; then that text is not sent twice. When it begins differently, the message is taken back and sent
 * again without the part that was broken off. OpenCode removes white space at the end of a whole part. So white space
 * is held until the text after it comes.
 */
export class Answer {
  readonly #completed = new Set<string | undefined>();
  #message: string | undefined;
  #number = 0;
  /** The complete parts of `message`. */
  #whole: string[] = [];
  #current: string | undefined;
  /**
   * What was sent of `message` after its complete parts. It belongs to the current part, or to one that was broken off.
   */
  #told = "";
  /** How much of `#told` the current part has repeated so far. */
  #reached = 0;
  /** White space at the end of the current part so far. */
  #held = "";

  /** Takes a piece of a part. Returns the events for what is new in it. */
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

  /** Takes a whole part. Returns the events for what had not come in pieces. */
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

  /** The text of the last message that had some. */
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

  /** The current part differs from what was sent of it. */
  #replace(part: string): readonly EngineEvent[] {
    const before = this.#number;
    this.#number += 1;
    return [{ type: "taken-back", message: before }, ...this.#say(this.#whole.join("") + part)];
  }
}
