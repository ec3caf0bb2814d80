import type { EngineOptions } from "@ccsp/engine-kit";
import type { ClaudeCodeProfile } from "./environment.js";

const FAMILIES = ["opus", "sonnet", "haiku", "fable"];
/** By these names, the CLI chooses. */
const ANY = ["default", "best"];
/** What the CLI asks besides: for itself, and when one refuses to answer. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { opusplan: ["opus", "sonnet"], fable: ["opus"] };
/** Variables that name models beside the one of the task. */
const OF_OPERATOR = /^(?:CLAUDE_CODE_[A-Z_]+|ANTHROPIC_SMALL_FAST)_MODEL$/;

/**
 * The models that a run may ask: those of its task, those that the operator's variables name for sub-agents and for what
 * the CLI does by itself, what the variables give for all of these names, and the small one, Haiku. A name with a date
 * counts as the name, and the name of a family as each model of it. Undefined: any, since the task leaves the choice to
 * the CLI.
 */
export function modelsOf(
  { model, fallbackModels }: Pick<EngineOptions, "model" | "fallbackModels">,
  { declared }: Pick<ClaudeCodeProfile, "declared">,
): ((asked: string) => boolean) | undefined {
  const ofTask = [model, ...fallbackModels].map(plain);
  if (model === "" || ofTask.some((name) => ANY.includes(name))) return undefined;
  const ofOperator = Object.entries(declared).filter(([name]) => OF_OPERATOR.test(name));
  const own = [...ofTask, "haiku", ...ofOperator.map(([, name]) => plain(name))];
  const beside = Object.entries(BESIDE).flatMap(([name, more]) => (own.some((each) => isOf(each, name)) ? more : []));
  const all = [...own, ...beside];
  const given = all.map((name) => plain(declared[`ANTHROPIC_DEFAULT_${name.toUpperCase()}_MODEL`] ?? ""));
  const names = [...all, ...given].filter(Boolean);
  return (asked) => names.some((name) => isNamed(asked.toLowerCase(), name));
}

/** The CLI asks for a larger context by a header: `sonnet[1m]` is a name of its own. It takes aliases in any letters. */
const plain = (name: string): string => name.replace(/\[.*$/, "").toLowerCase();

const isOf = (name: string, family: string): boolean => name.split("-").includes(family);

const isNamed = (asked: string, name: string): boolean =>
  FAMILIES.includes(name) ? isOf(asked, name) : asked === name || asked.replace(/-\d{8}$/, "") === name;
