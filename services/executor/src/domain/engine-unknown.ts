import { Refusal } from "@ccsp/errors";

/** An engine of this executor that a person names. */
export const engineUnknown = (name: string): Refusal =>
  new Refusal("ENGINE_UNKNOWN", `engine: this executor has no ${JSON.stringify(name)}`, { metadata: { engine: name } });
