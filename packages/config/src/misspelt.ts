/**
 * With more than this many typing errors, a name is another name: CCSP_QUEUE_TARGET is not a misspelt
 * CCSP_GATEWAY_TARGET.
 */
const MAX_EDITS = 2;

/** The unknown names that differ by at most two typing errors from a known name that is not set itself. */
export function lookalikes(
  names: readonly string[],
  known: readonly string[],
): readonly { readonly name: string; readonly meant: string }[] {
  const given = new Set(names);
  const missing = known.filter((name) => !given.has(name));
  const isKnown = new Set(known);
  return names.flatMap((name) => {
    if (isKnown.has(name)) return [];
    const meant = nearestName(name, missing, MAX_EDITS);
    return meant === undefined ? [] : [{ name, meant }];
  });
}

/** The known name that is nearest to `name`, if one is near: by default at most a third of its letters differ. */
export function nearestName(
  name: string,
  known: readonly string[],
  most: number = Math.floor(name.length / 3),
): string | undefined {
  for (let limit = 0; limit <= most; limit += 1) {
    const found = known.find((candidate) => within(limit, name.toUpperCase(), candidate));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether at most `limit` insertions, deletions, replacements or swaps of neighbours change `a` into `b`. */
function within(limit: number, a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > limit) return false;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, at(beforePrevious, column - 2) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length) <= limit;
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
