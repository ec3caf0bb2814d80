import type { EngineEvent } from "./engine.js";

/** Replaces half characters (lone surrogates), because UTF-8 cannot hold them. */
export const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, "\uFFFD");

/** The number of every message, for an engine that does not distinguish messages. */
export const FIRST_MESSAGE = 1;

/** Most UTF-16 units of the name of a tool or model, or of a notice. These are the engine's words and may be anything. */
const MOST_WORDS = 256;

const words = (text: string): string => wellFormed(text.slice(0, MOST_WORDS));

/**
 * Makes events valid Unicode, numbers texts without a number, and shortens names and notices. JSON can cut a character
 * in half. The first half waits for the other one, and is dropped at the end of its message.
 */
export function createWholeText(): (event: EngineEvent) => EngineEvent | undefined {
  let half = "";
  let of = 0;
  return (event) => {
    // A run may write the engine's output, and ids are kept until the tool has ended.
    if (event.type === "tool")
      return { ...event, name: words(event.name), ...(event.id !== undefined && { id: words(event.id) }) };
    if (event.type === "tool-ended") return { ...event, id: words(event.id) };
    if (event.type === "notice") return { ...event, message: words(event.message) };
    if (event.type === "usage") return { ...event, model: words(event.model) };
    if (event.type === "taken-back") return event;
    const { message = FIRST_MESSAGE } = event;
    const joined = (message === of ? half : "") + event.text;
    of = message;
    half = isFirstHalf(joined.charCodeAt(joined.length - 1)) ? joined.slice(-1) : "";
    const text = wellFormed(half ? joined.slice(0, -1) : joined);
    return text === "" ? undefined : { type: "text", text, message };
  };
}

const isFirstHalf = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
