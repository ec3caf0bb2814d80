export { REASONS, type Reason } from "./reason.js";
export {
  type FieldViolation,
  invalidFields,
  memoryFull,
  type Precondition,
  Refusal,
  type RefusalOptions,
} from "./refusal.js";
