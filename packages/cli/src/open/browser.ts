import { spawn } from "node:child_process";
import type { Env } from "@ccsp/config";

/** Opens a page in the person's browser. Resolves to false if there is none. */
export async function openInBrowser(env: Env, url: string): Promise<boolean> {
  const isMac = process.platform === "darwin";
  // Over SSH there is no screen, and a browser in the terminal would take it over.
  if (!isMac && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return false;
  const child = spawn(isMac ? "open" : "xdg-open", [url], { env, stdio: "ignore", detached: true });
  const opened = await new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    // A program that fails at once has found no browser.
    child.once("exit", (code) => resolve(code === 0));
    child.once("spawn", () => {
      const enough = setTimeout(() => resolve(true), ENOUGH_MS);
      child.once("exit", () => clearTimeout(enough));
    });
  });
  // The browser lives on.
  child.unref();
  return opened;
}

/** After this time, the program has found a browser, or never says that it found none. */
const ENOUGH_MS = 2_000;
