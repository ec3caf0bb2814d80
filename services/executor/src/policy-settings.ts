import type { Settings } from "@ccsp/config";
import type { PermissionMode } from "@ccsp/engine-kit";
import { MOST_OUTPUT_BYTES } from "@ccsp/protos/bounds.js";
import type { Policy } from "./domain/policy.js";

/** The longest task time that the queue accepts. A Node timer longer than 24.8 days would fire immediately. */
const LONGEST_MS = 24 * 60 * 60 * 1_000;
const MODES: readonly PermissionMode[] = ["default", "plan", "accept-edits", "skip"];

/** Declares what the operator lets agents ask for. */
export function definePolicy(settings: Settings): Policy {
  const roots = settings.list(
    "CCSP_EXECUTOR_ALLOWED_ROOTS",
    "absolute folders under which tasks may name files to include and folders to work in; empty: such tasks are refused",
    {
      default: [],
      pattern: /^\/(?!.*(?:^|\/)\.{1,2}(?:\/|$))/,
      form: "absolute paths without . and .., with commas between them",
    },
  );
  const deniedTools = settings.list(
    "CCSP_EXECUTOR_DENIED_TOOLS",
    "tools denied to every run, by their names in the engine",
    {
      default: [],
    },
  );
  return {
    roots: roots.map((root) => root.replace(/(?<=.)\/+$/, "")),
    permissionModes: permissionModes(settings),
    deniedTools,
    wallMs: settings.durationMs("CCSP_EXECUTOR_WALL_TIMEOUT", "time limit of a run whose task sets none", {
      default: "1h",
      min: 1_000,
      max: LONGEST_MS,
    }),
    maxWallMs: settings.durationMs("CCSP_EXECUTOR_MAX_WALL_TIME", "most time that a task may ask for", {
      default: "24h",
      min: 1_000,
      max: LONGEST_MS,
    }),
    outputBytes: settings.integer("CCSP_EXECUTOR_MAX_OUTPUT_BYTES", "most bytes that an engine may print in a run", {
      default: MOST_OUTPUT_BYTES,
      min: 1_024,
      max: MOST_OUTPUT_BYTES,
    }),
    maxTurns: positive(settings, "CCSP_EXECUTOR_MAX_TURNS", "most model turns of a run; unset: any number", {
      pattern: /^[1-9]\d{0,8}$/,
      form: "a whole number from 1 to 999999999",
    }),
    maxBudgetUsd: positive(
      settings,
      "CCSP_EXECUTOR_MAX_BUDGET_USD",
      "most money of a run, for engines that count it; unset: any amount",
      { pattern: /^(?!0+(\.0*)?$)\d{1,9}(\.\d{1,6})?$/, form: "an amount above 0, such as 2.50" },
    ),
    projectSettings: projectSettings(settings),
    includeBytes: settings.integer(
      "CCSP_EXECUTOR_MAX_INCLUDE_BYTES",
      "most bytes of all files together that a task names to be included",
      { default: 16 * 1024 * 1024, max: 256 * 1024 * 1024 },
    ),
  };
}

function permissionModes(settings: Settings): Policy["permissionModes"] {
  const name = "CCSP_EXECUTOR_PERMISSION_MODES";
  const allowed = settings.list(
    name,
    `permission modes that a task may ask for, of ${MODES.join(", ")}; the first is for tasks that ask for none; manual means default`,
    {
      default: ["default", "plan", "accept-edits"],
      pattern: new RegExp(`^(?:${MODES.join("|")}|manual)$`),
      form: "names with commas between them",
    },
  );
  const named = allowed.map((word) => (word === "manual" ? "default" : word));
  const [first, ...others] = named.flatMap((word) => MODES.filter((mode) => mode === word));
  if (first === undefined) {
    settings.fault(`${name} allows no mode`);
    return ["default"];
  }
  if ([first, ...others].includes("skip")) {
    settings.warn(`${name} has skip: engines then do anything that this user may do on this host, without asking`);
  }
  return [first, ...others];
}

function projectSettings(settings: Settings): boolean {
  const name = "CCSP_EXECUTOR_PROJECT_SETTINGS";
  const trusted = settings.flag(
    name,
    "load the settings, hooks, helpers, MCP servers, agents and skills that a working folder brings",
    { default: false },
  );
  if (trusted) settings.warn(`${name} is true: a working folder then runs commands, also where tools are denied`);
  return trusted;
}

function positive(
  settings: Settings,
  name: string,
  doc: string,
  options: { readonly pattern: RegExp; readonly form: string },
): number | undefined {
  const text = settings.optionalText(name, doc, options);
  return text === undefined ? undefined : Number(text);
}
