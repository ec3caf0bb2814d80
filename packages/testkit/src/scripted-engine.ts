import { fileURLToPath } from "node:url";

/**
 * The path of an executable stand-in for the `claude` CLI, for faults that the real one cannot produce on demand. It
 * takes the same flags and writes the same stream-json. Markers in the prompt choose what it does (the table is in
 * README.md). It needs `node` on PATH.
 */
export const SCRIPTED_ENGINE: string = fileURLToPath(new URL("../engine/scripted-engine.mjs", import.meta.url));
