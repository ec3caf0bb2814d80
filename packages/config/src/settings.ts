import { formatDuration, parseDuration } from "./duration.js";
import { type HostPort, parseHostPort } from "./host-port.js";

/** The facts that `--help` and docs/configuration.md show about one setting. */
export interface SettingDescription {
  readonly name: string;
  readonly doc: string;
  /** The values that it may have, in words: "a whole number from 1 to 64". */
  readonly form: string;
  /** The default, in the form in which the environment would have it. Undefined when there is none. */
  readonly default: string | undefined;
  /** What the default is, when its value depends on the machine. */
  readonly defaultIs: string | undefined;
  /** True when the service does not start without a value. */
  readonly required: boolean;
  readonly secret: boolean;
}

/**
 * Reads settings. It collects faults instead of throwing, so that a person sees all of them at once. A faulty setting
 * yields its default, or an empty value when it has no default. `load` throws away what is built from such a value. A
 * variable that is empty or blank counts as not set. Blanks around a value are removed.
 */
export interface Settings {
  /** A setting without a default is required. `defaultIs` describes a default whose value depends on the machine. */
  text(name: string, doc: string, options?: TextOptions & { default?: string; defaultIs?: string }): string;
  optionalText(name: string, doc: string, options?: TextOptions): string | undefined;
  integer(name: string, doc: string, options: { default: number; min?: number; max?: number }): number;
  /**
   * Written as 500ms, 30s, 5m or 2h. `min` and `max` are in milliseconds. Without `max`, the limit is the longest time
   * that a Node timer can hold.
   */
  durationMs(name: string, doc: string, options: { default: string; min?: number; max?: number }): number;
  /** Written as true, false, 1 or 0. */
  flag(name: string, doc: string, options: { default: boolean }): boolean;
  /** Items are separated by commas. Empty items are ignored. `pattern` applies to each item, `form` to the whole list. */
  list(name: string, doc: string, options: PatternOptions & { default: readonly string[] }): readonly string[];
  oneOf<T extends string>(name: string, doc: string, values: readonly T[], options: { default: T }): T;
  /** Written as host:port or [IPv6 address]:port. Port 0 takes a free port. */
  listen(name: string, doc: string, options: { default: string }): HostPort;
  /** Reports an error that only several settings together show. */
  fault(message: string): void;
  /** Reports a combination that is legal but suspicious. The message must say why. */
  warn(message: string): void;
}

interface TextOptions extends PatternOptions {
  readonly secret?: boolean;
}

interface PatternOptions {
  readonly pattern?: RegExp;
  /** What the pattern wants, in words for people: "an absolute path". */
  readonly form?: string;
}

/** setTimeout fires at once when its time is longer than this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Thrown by a parser that cannot accept a value. Its message is the rest of a sentence that begins with the setting's
 * name.
 */
class Unfit extends Error {}

interface Reading<T> {
  readonly name: string;
  readonly doc: string;
  readonly form: string;
  readonly default: string | undefined;
  readonly defaultIs?: string | undefined;
  readonly required?: boolean;
  readonly secret?: boolean | undefined;
  readonly parse: (value: string) => T;
}

export class EnvSettings implements Settings {
  readonly faults: string[] = [];
  readonly warnings: string[] = [];
  readonly #described = new Map<string, SettingDescription>();
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  get described(): readonly SettingDescription[] {
    return [...this.#described.values()];
  }

  text(name: string, doc: string, options: TextOptions & { default?: string; defaultIs?: string } = {}): string {
    const { default: fallback, defaultIs, secret } = options;
    const reading = { ...textOf(options), default: fallback, defaultIs, required: fallback === undefined, secret };
    return this.#read({ name, doc, ...reading }) ?? fallback ?? "";
  }

  optionalText(name: string, doc: string, options: TextOptions = {}): string | undefined {
    return this.#read({ name, doc, ...textOf(options), default: undefined, secret: options.secret });
  }

  integer(name: string, doc: string, options: { default: number; min?: number; max?: number }): number {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
    const form = `a whole number ${range(min, max, Number.MAX_SAFE_INTEGER, String)}`;
    const parse = (value: string): number => {
      const parsed = Number(value);
      if (!/^-?\d+$/.test(value) || parsed < min || parsed > max) throw new Unfit(`must be ${form}`);
      return parsed;
    };
    return this.#read({ name, doc, form, default: String(options.default), parse }) ?? options.default;
  }

  durationMs(name: string, doc: string, options: { default: string; min?: number; max?: number }): number {
    const { min = 0, max = MAX_TIMER_MS } = options;
    const bounds = range(min, max, MAX_TIMER_MS, formatDuration);
    const parse = (value: string): number => {
      const parsed = parseDuration(value);
      if (parsed === undefined || parsed < min || parsed > max) {
        throw new Unfit(`must be a duration such as 500ms, 30s, 5m or 2h, ${bounds}`);
      }
      return parsed;
    };
    const form = `a duration ${bounds}`;
    return this.#read({ name, doc, form, default: options.default, parse }) ?? parseDuration(options.default) ?? 0;
  }

  flag(name: string, doc: string, options: { default: boolean }): boolean {
    const parse = (value: string): boolean => {
      if (value === "true" || value === "1") return true;
      if (value === "false" || value === "0") return false;
      throw new Unfit("must be true or false");
    };
    const form = "true or false";
    return this.#read({ name, doc, form, default: String(options.default), parse }) ?? options.default;
  }

  list(name: string, doc: string, options: PatternOptions & { default: readonly string[] }): readonly string[] {
    const fit = matching(options);
    const parse = (value: string): readonly string[] => {
      const items = value.split(",").map((item) => item.trim());
      return items.filter((item) => item !== "").map((item) => fit(item));
    };
    const { pattern, form = `a list with commas${pattern ? `; each item matches ${pattern}` : ""}` } = options;
    return this.#read({ name, doc, form, default: options.default.join(","), parse }) ?? options.default;
  }

  oneOf<T extends string>(name: string, doc: string, values: readonly T[], options: { default: T }): T {
    const form = `one of ${values.join(", ")}`;
    const parse = (value: string): T => {
      const found = values.find((allowed) => allowed === value);
      if (found === undefined) throw new Unfit(`must be ${form}`);
      return found;
    };
    return this.#read({ name, doc, form, default: options.default, parse }) ?? options.default;
  }

  listen(name: string, doc: string, options: { default: string }): HostPort {
    const parse = (value: string): HostPort => {
      const address = parseHostPort(value, { lowest: 0 });
      if (address === undefined) throw new Unfit("must be host:port or [v6 address]:port, with a port up to 65535");
      return address;
    };
    const form = "host:port, or [v6 address]:port";
    return (
      this.#read({ name, doc, form, default: options.default, parse }) ??
      parseHostPort(options.default, { lowest: 0 }) ?? { host: "", port: 0 }
    );
  }

  fault(message: string): void {
    this.faults.push(message);
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  #read<T>(reading: Reading<T>): T | undefined {
    const { name, doc, form, default: fallback, defaultIs, required = false, secret = false, parse } = reading;
    this.#described.set(name, { name, doc, form, default: fallback, defaultIs, required, secret });
    const set = this.#env[name]?.trim() ?? "";
    const value = set === "" ? fallback : set;
    if (value === undefined) {
      if (required) this.faults.push(`${name} is not set: ${doc}`);
      return undefined;
    }
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      this.faults.push(
        `${name} ${error.message}${secret ? " (its value is not shown)" : `, not ${JSON.stringify(value)}`}`,
      );
      return undefined;
    }
  }
}

function textOf(options: TextOptions) {
  const { pattern, form } = options;
  const inWords = form ?? (pattern === undefined ? "text" : `text that matches ${pattern}`);
  return { form: inWords, parse: matching(options) };
}

function matching({ pattern, form }: TextOptions): (value: string) => string {
  return (value) => {
    if (pattern !== undefined && !pattern.test(value))
      throw new Unfit(form === undefined ? `must match ${pattern}` : `must be ${form}`);
    return value;
  };
}

function range(min: number, max: number, unbounded: number, format: (value: number) => string): string {
  return max === unbounded ? `of at least ${format(min)}` : `from ${format(min)} to ${format(max)}`;
}
