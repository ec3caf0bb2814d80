/** Gets the results of a section. */
export interface Report {
  readonly say: (line: string) => void;
  /** `detail` distinguishes values of the same name. */
  readonly ratio: (name: string, value: number, detail?: string) => void;
}

/** Ratios for which less is better. This decides which of two modes is the worse one. */
const LESS_IS_BETTER = /^(roundtrip_|.*_1m_vs_1k$|bytes_|watch_|wake_|count_|clear_)/;

/**
 * Prints each line of `say` at once. At the end prints each ratio in every mode, and its worst value as the last line.
 */
export function createReports() {
  const ratios = new Map<string, { where: string; value: number }[]>();
  return {
    of(mode: string): Report {
      return {
        say: (line) => console.log(`[${mode}] ${line}`),
        ratio(name, value, detail) {
          const where = detail === undefined ? mode : `${mode}, ${detail}`;
          ratios.set(name, [...(ratios.get(name) ?? []), { where, value }]);
        },
      };
    },
    finish() {
      for (const [name, each] of ratios) {
        console.log(`${name}: ${each.map(({ where, value }) => `${value.toFixed(2)} (${where})`).join(", ")}`);
      }
      for (const [name, each] of ratios) {
        const values = each.map(({ value }) => value);
        const worst = LESS_IS_BETTER.test(name) ? Math.max(...values) : Math.min(...values);
        console.log(`ratio ${name} ${worst.toFixed(2)}`);
      }
    },
  };
}
