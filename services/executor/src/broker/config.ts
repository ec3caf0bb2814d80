import type { Settings } from "@ccsp/config";

export type BrokerMode = "auto" | "required" | "off";

/** Whether the executor keeps the logins of engines out of their runs. */
export const defineBroker = (settings: Settings): BrokerMode =>
  settings.oneOf(
    "CCSP_EXECUTOR_BROKER",
    "whether the executor keeps the login of an engine out of its runs, and adds it to their requests; auto: where runs have a sandbox with a network of its own, and the engine can; required: the executor does not start otherwise",
    ["auto", "required", "off"],
    { default: "auto" },
  );
