import type { EngineOptions } from "@ccsp/engine-kit";
import type { ClaudeCodeProfile } from "./environment.js";

/** The family of the small model, which the CLI uses for itself. */
const SMALL = "haiku";

/**
 * The models that a run may ask: those of its task, those that the operator's variables give for these and for
 * sub-agents, and the small one. A name with a date counts as the name, and `sonnet` is each model of this family.
 * Undefined: the task names no model, so its run may ask any.
 */
export function modelsOf(
  { model, fallbackModels }: Pick<EngineOptions, "model" | "fallbackModels">,
  { declared }: Pick<ClaudeCodeProfile, "declared">,
): ((asked: string) => boolean) | undefined {
  if (model === "") return undefined;
  const ofTask = [model, ...fallbackModels, SMALL].map(withoutContext);
  const variables = ofTask.map((name) => `ANTHROPIC_DEFAULT_${name.toUpperCase()}_MODEL`);
  const given = [...variables, "ANTHROPIC_SMALL_FAST_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"].map(
    (name) => declared[name] ?? "",
  );
  const names = [...ofTask, ...given.map(withoutContext)].filter(Boolean);
  return (asked) => names.some((name) => isNamed(asked, name));
}

/** The CLI asks for a larger context by a header: `sonnet[1m]` is a name of its own. */
const withoutContext = (name: string): string => name.replace(/\[.*$/, "");

const isNamed = (asked: string, name: string): boolean =>
  asked.replace(/-\d{8}$/, "") === name || asked === name || (/^[a-z]+$/.test(name) && asked.split("-").includes(name));
