import { at, type EngineEvent, type Json, listAt, type PermissionDenial, textAt } from "@ccsp/engine-kit";

/** Collects the uses of tools that the CLI refused, as the CLI's output lists them. */
export interface Denials {
  /** Takes a `system/permission_denied` line. CLI 2.1.332 writes it immediately after a refusal. */
  now(line: Json): readonly EngineEvent[];
  /** Takes the `result` of a turn. Returns notices only for refusals that had no notice before. */
  add(line: Json): readonly EngineEvent[];
  readonly all: readonly PermissionDenial[];
}

/** Bounds memory: a model may try a refused tool again for hours. */
const MOST = 100;
/** In UTF-16 code units. */
const INPUT_UNITS = 1_024;

export function createDenials(): Denials {
  const told = new Set<string>();
  const kept = new Set<string>();
  const all: PermissionDenial[] = [];

  const tell = (id: string, tool: string): readonly EngineEvent[] => {
    if (told.has(id) || told.size >= MOST) return [];
    told.add(id);
    return [{ type: "notice", category: "PERMISSION_DENIED", message: `${tool} was not allowed` }];
  };
  const idOf = (denial: Json): string => textAt(denial, "tool_use_id") ?? "";
  const toolOf = (denial: Json): string => textAt(denial, "tool_name") ?? "";

  return {
    now: (line) => tell(idOf(line), toolOf(line)),
    add: (line) =>
      listAt(line, "permission_denials").flatMap((denial) => {
        const id = idOf(denial);
        const tool = toolOf(denial);
        // A result may list the refusals of earlier turns again.
        if (!kept.has(id) && kept.size < MOST) {
          kept.add(id);
          all.push({ tool, input: JSON.stringify(at(denial, "tool_input") ?? {}).slice(0, INPUT_UNITS) });
        }
        return tell(id, tool);
      }),
    all,
  };
}
