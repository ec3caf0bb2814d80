import type { Settings } from "@ccsp/config";
import type { Mode } from "./adaptation.js";

export const adaptationMode = (settings: Settings): Mode =>
  settings.oneOf(
    "CCSP_MONITOR_ADAPTATION",
    "whether the monitor slows work down before a limit is reached: `on`; `dry-run`: it only reports what it would do; `off`",
    ["dry-run", "on", "off"],
    { default: "dry-run" },
  );
