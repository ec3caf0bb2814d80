import { type FieldViolation, invalidFields, type Refusal } from "@ccsp/errors";

/** Collects all faults of a request, so that the refusal names all of them. */
export class Faults {
  readonly #violations: FieldViolation[] = [];

  get found(): boolean {
    return this.#violations.length > 0;
  }

  add(field: string, description: string): void {
    this.#violations.push({ field, description });
  }

  unless(good: boolean, field: string, description: string): void {
    if (!good) this.add(field, description);
  }

  refusal(): Refusal {
    return invalidFields(this.#violations);
  }

  /** Throws INVALID_FIELD when anything was found. */
  check(): void {
    if (this.found) throw this.refusal();
  }
}
