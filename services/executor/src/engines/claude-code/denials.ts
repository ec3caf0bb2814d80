import { at, type EngineEvent, type Json, listAt, type PermissionDenial, textAt } from "@ccsp/engine-kit";

/** Uses of tools that the CLI refused, as its results list them. */
export interface Denials {
  /** Takes `system/permission_denied`, which 2.1.332 writes at once. */
  now(line: Json): readonly EngineEvent[];
  /** Takes the `result` of a turn; tells of what was not told yet. */
  add(line: Json): readonly EngineEvent[];
  readonly all: readonly PermissionDenial[];
}

/** A model may try the same for hours. */
const MOST = 100;
/** In UTF-16 units. */
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
        // Each result may list those of the turns before again.
        if (!kept.has(id) && kept.size < MOST) {
          kept.add(id);
          all.push({ tool, input: JSON.stringify(at(denial, "tool_input") ?? {}).slice(0, INPUT_UNITS) });
        }
        return tell(id, tool);
      }),
    all,
  };
}
