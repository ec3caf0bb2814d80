import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { skip } from "@ccsp/testkit";
import { type Browser, chromium } from "playwright-core";

/** Opens Debian's Chromium without a window. Where there is none, the test is skipped and says so. Close it in the end. */
export async function openBrowser(context: Parameters<typeof skip>[0]): Promise<Browser> {
  const executablePath = programOnPath("chromium");
  if (executablePath === undefined)
    return skip(context, "chromium is not installed (Debian: apt-get install chromium)");
  // Root has no user namespace of its own for Chromium's sandbox, and the pages are our own.
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0 });
}

function programOnPath(name: string): string | undefined {
  const paths = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
