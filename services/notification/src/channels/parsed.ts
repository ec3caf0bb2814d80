import type { z } from "zod";

/** Returns the settings as the schema has them. Throws an Error that names each wrong one. */
export function parsed<S extends z.ZodType>(schema: S, settings: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(settings);
  if (success) return data;
  const faults = error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
  throw new Error(faults.join("; "));
}
