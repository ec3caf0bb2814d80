import { fileURLToPath } from "node:url";

/**
 * An executable stand-in for the `claude` CLI, for faults that the real one cannot produce on demand. Takes the same flags,
 * speaks the same stream-json; markers in the prompt choose what it does (the table is in README.md). Needs `node` on PATH.
 */
export const SCRIPTED_ENGINE: string = fileURLToPath(new URL("../engine/scripted-engine.mjs", import.meta.url));
