/**
 * The options of a task that CCSP passes to the engine unchanged. The names are those of `ccsp.task.v1.TaskSpec`, and
 * the values are in the engine's own words. With an empty value, the task does not ask for the option.
 */
export interface EngineOptions {
  readonly model: string;
  /** The models to use when `model` is overloaded, in this order. */
  readonly fallbackModels: readonly string[];
  /** Added to the engine's own system prompt. */
  readonly systemPrompt: string;
  /** The names of the built-in tools that the run has. Empty: the engine's default. */
  readonly availableTools: readonly string[];
  /** Tools that the engine may use without asking, optionally with a rule each. This takes no tool away. */
  readonly allowedTools: readonly string[];
  readonly deniedTools: readonly string[];
}

export const NO_OPTIONS: EngineOptions = {
  model: "",
  fallbackModels: [],
  systemPrompt: "",
  availableTools: [],
  allowedTools: [],
  deniedTools: [],
};

type Snake<S extends string> = S extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${Snake<Rest>}`
  : "";

/** The name of an option in a task: `fallbackModels` is `fallback_models`. */
export type OptionPart = Snake<keyof EngineOptions>;

/** The parts of a task that not every engine honours, with the names of `ccsp.task.v1.TaskSpec`. */
export type TaskPart =
  | OptionPart
  | "conversation"
  | "attachments"
  | "include_files"
  | "working_folder"
  | "permission_mode"
  | "limits.turns"
  | "limits.budget_usd";

type Value = EngineOptions[keyof EngineOptions];
const isOption = (name: string): name is keyof EngineOptions => Object.hasOwn(NO_OPTIONS, name);
const NAMES: readonly (keyof EngineOptions)[] = Object.keys(NO_OPTIONS).filter(isOption);

/** Only the options, from an object that has more. */
export function optionsOf(from: EngineOptions): EngineOptions {
  return Object.assign({ ...NO_OPTIONS }, ...NAMES.map((name) => ({ [name]: from[name] })));
}

/** The options that ask for something. */
export const askedOptions = (options: EngineOptions): readonly (readonly [keyof EngineOptions, Value])[] =>
  NAMES.flatMap((name) => (options[name].length > 0 ? [[name, options[name]] as const] : []));

export function partOf(option: keyof EngineOptions): OptionPart {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same as `Snake`
  return option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as OptionPart;
}

/** For the capabilities of an engine that honours every option. */
export const OPTION_PARTS: readonly OptionPart[] = NAMES.map(partOf);
