import type { EngineEvent } from "./engine.js";

/** A lone half of a character cannot be written as UTF-8. */
export const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, "\uFFFD");

/** Of a tool's name or a notice, in UTF-16 units: the engine's words, which may be anything. */
const MOST_WORDS = 256;

const words = (text: string): string => wellFormed(text.slice(0, MOST_WORDS));

/** Makes events valid Unicode, and names and notices short. Text becomes whole: half of a character, which JSON can hold, waits for the other half, and is dropped at the end. */
export function createWholeText(): (event: EngineEvent) => EngineEvent | undefined {
  let half = "";
  return (event) => {
    if (event.type === "tool") return { type: "tool", name: words(event.name) };
    if (event.type === "notice") return { ...event, message: words(event.message) };
    const joined = half + event.text;
    half = /[\uD800-\uDBFF]$/.exec(joined)?.[0] ?? "";
    const text = wellFormed(half ? joined.slice(0, -1) : joined);
    return text === "" ? undefined : { type: "text", text };
  };
}
