import type { EngineEvent } from "./engine.js";

/** A lone half of a character cannot be written as UTF-8. */
export const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, "\uFFFD");

/** Makes text events whole: half of a character, which JSON can hold, waits for the other half, and is dropped at the end. */
export function createWholeText(): (event: EngineEvent) => EngineEvent | undefined {
  let half = "";
  return (event) => {
    if (event.type !== "text") return event;
    const joined = half + event.text;
    half = /[\uD800-\uDBFF]$/.exec(joined)?.[0] ?? "";
    const text = wellFormed(half ? joined.slice(0, -1) : joined);
    return text === "" ? undefined : { type: "text", text };
  };
}
