import { fileURLToPath } from "node:url";
import { types } from "node:util";

/** All that a log says of an error. */
export interface ErrorDescription {
  /** Its name, such as `ReplyError`. */
  readonly type: string;
  readonly code?: string | number;
  /** The project's own message. A message of other code becomes its code and its first word. */
  readonly message: string;
  /** Its stack frames, without the message. */
  readonly stack?: string;
  readonly cause?: ErrorDescription;
  /** The errors in an AggregateError. */
  readonly errors?: readonly ErrorDescription[];
}

const MOST_DEPTH = 5;
const MOST_ERRORS = 10;
const MOST_FRAMES = 20;
const MOST_MESSAGE = 2_000;

/**
 * Describes an error, or anything else that was thrown, for a log: name, code, message and stack frames, of its causes
 * too. A message counts only if code of this project made the error, since others quote what they were given: Redis its
 * arguments, a parser its input. No other property is described: ioredis keeps the whole command in one.
 */
export function describeError(thrown: unknown, depth = 0): ErrorDescription {
  try {
    return isError(thrown) ? describe(thrown, depth) : { type: typeof thrown, message: firstWord(String(thrown)) };
  } catch {
    // A property of a foreign error may be a function that throws.
    return { type: "unknown", message: "" };
  }
}

export const isError = (value: unknown): value is Error => value instanceof Error || types.isNativeError(value);

function describe(error: Error & { code?: unknown; errors?: unknown }, depth: number): ErrorDescription {
  const { cause, errors } = error;
  const code = isCode(error.code) ? error.code : undefined;
  const lines = linesOf(error);
  const frames = lines.filter((line) => FRAME.test(line)).slice(0, MOST_FRAMES);
  const deeper = depth < MOST_DEPTH;
  return {
    type: NAME.test(error.name) ? error.name : "Error",
    ...(code !== undefined && { code }),
    message: isOwn(error, lines) ? ownMessage(error) : foreignMessage(code, error.message),
    ...(frames.length > 0 && { stack: frames.join("\n") }),
    ...(deeper && cause !== undefined && { cause: describeError(cause, depth + 1) }),
    ...(deeper &&
      Array.isArray(errors) && { errors: errors.slice(0, MOST_ERRORS).map((each) => describeError(each, depth + 1)) }),
  };
}

const NAME = /^[\w.$]{1,64}$/;

/** A number, or a word such as `ECONNREFUSED`. */
const isCode = (code: unknown): code is string | number =>
  typeof code === "number" || (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code));

/** What stays of a message that code of others made: the code, if it is one, and the first word. */
export const foreignMessage = (code: unknown, message: string): string =>
  [...new Set([isCode(code) ? String(code) : "", firstWord(message)])].filter(Boolean).join(" ");

/** The first word of a message, if it is one: `ERR`, `connect`, `Unexpected`. */
const firstWord = (message: string): string => /^[A-Za-z_]{2,24}(?![^\s:,.;])/.exec(message)?.[0] ?? "";

/** Own messages often end with the message of their cause. */
function ownMessage({ message, cause }: Error): string {
  let own = message;
  for (const quoted of errorsIn(cause)) own = own.replaceAll(quoted.message, () => describeError(quoted).message);
  return own.slice(0, MOST_MESSAGE);
}

/** An error, its causes, and the errors in an AggregateError, as far as they have a message. The outermost is first. */
function errorsIn(thrown: unknown, depth = 0): readonly Error[] {
  if (!isError(thrown) || depth > MOST_DEPTH) return [];
  const parts = thrown instanceof AggregateError ? thrown.errors.slice(0, MOST_ERRORS) : [];
  const inner = [thrown.cause, ...parts].flatMap((each) => errorsIn(each, depth + 1));
  return thrown.message === "" ? inner : [thrown, ...inner];
}

/** A line of a stack: the function and its place, a path or a URL, which may have spaces. */
const FRAME = /^ {4}at (?:[\w$.<>#[\] ]{1,200} \()?((?:file:\/\/|node:|\/)[^()]{1,500}:\d+:\d+|<anonymous>)\)?$/;

/** The lines of a stack. None if it has another message than the error: then nobody knows where the message ends. */
function linesOf({ stack = "", message }: Error): readonly string[] {
  const at = stack.indexOf(`${message}\n    at `);
  return at < 0 ? [] : stack.slice(at + message.length + 1).split("\n");
}

/** V8 throws these in code of this project, and quotes values in some of their messages. */
const OF_THE_LANGUAGE = [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, DOMException];

/** Whether code of this project made the error: then the stack begins there. */
function isOwn(error: Error & { code?: unknown }, [first = ""]: readonly string[]): boolean {
  // Node makes some errors as if its caller had made them.
  if (OF_THE_LANGUAGE.some((type) => error instanceof type) || String(error.code).startsWith("ERR_")) return false;
  // The system's errors have no frame of a maker, only those of the functions that wait.
  if ("syscall" in error || first.startsWith("    at async ")) return false;
  const [, place = ""] = FRAME.exec(first) ?? [];
  const path = place.startsWith("file://") ? fileURLToPath(place) : place;
  const package_ = path.lastIndexOf(PACKAGES);
  return package_ < 0 ? path.startsWith(ROOT) : path.startsWith("@ccsp/", package_ + PACKAGES.length);
}

const PACKAGES = "/node_modules/";
/** The folder of the project: of a checkout, or where its packages are installed. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url)).split(PACKAGES, 1)[0] ?? "";
