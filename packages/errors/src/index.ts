export { CALLER_LIMITS, type CallerLimit, limited } from "./caller-limit.js";
export {
  CATEGORY_NAMES,
  type CategoryName,
  categoryNameOf,
  categoryText,
  isCategoryName,
  type SourceName,
} from "./failure-words.js";
export { REASONS, type Reason } from "./reason.js";
export {
  type FieldViolation,
  invalidFields,
  memoryFull,
  type Precondition,
  Refusal,
  type RefusalOptions,
} from "./refusal.js";
export { isVisible, VISIBLE_RULE, visible } from "./visible.js";
