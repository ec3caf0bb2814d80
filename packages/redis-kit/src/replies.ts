/** The reply as a list, or an empty list if it is something else. */
export const asList = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : []);

/** A reply of names, each followed by its value, as XINFO gives it. */
export function fieldsOf(reply: unknown): Map<string, unknown> {
  const list = asList(reply);
  const fields = new Map<string, unknown>();
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(String(list[at]), list[at + 1]);
  return fields;
}
