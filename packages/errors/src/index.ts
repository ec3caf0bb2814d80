export { REASONS, type Reason } from "./reason.js";
export { type FieldViolation, invalidFields, Refusal, type RefusalOptions } from "./refusal.js";
