import { ErrorCategory, type ErrorSource } from "@ccsp/protos/ccsp/task/v1/task.js";

/** Category of a failure, such as `RATE_LIMIT`: a name of `ErrorCategory` without its prefix. */
export type CategoryName = Exclude<keyof typeof ErrorCategory, "UNSPECIFIED" | "UNRECOGNIZED">;

/** Side that caused a failure: a name of `ErrorSource` without its prefix. `UNSPECIFIED` means not known. */
export type SourceName = Exclude<keyof typeof ErrorSource, "UNRECOGNIZED">;

const BY_NAME: ReadonlySet<string> = new Set(
  Object.keys(ErrorCategory).filter((name) => /^[A-Z]/.test(name) && !/^UN(?:SPECIFIED|RECOGNIZED)$/.test(name)),
);

export const isCategoryName = (word: string): word is CategoryName => BY_NAME.has(word);

export const CATEGORY_NAMES: readonly CategoryName[] = [...BY_NAME].filter(isCategoryName);

/** Undefined for UNSPECIFIED, and for a category of a newer version. */
export function categoryNameOf(category: ErrorCategory): CategoryName | undefined {
  const name = ErrorCategory[category];
  return name !== undefined && isCategoryName(name) ? name : undefined;
}
