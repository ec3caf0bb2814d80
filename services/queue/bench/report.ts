/** Where a section tells what it measured. */
export interface Report {
  readonly say: (line: string) => void;
  /** `detail` tells values of one name apart. */
  readonly ratio: (name: string, value: number, detail?: string) => void;
}

/** Whether more or less is better decides which of two modes is the worse one. */
const LESS_IS_BETTER = /^(roundtrip_|.*_1m_vs_1k$|bytes_|watch_|wake_|count_|clear_)/;

/** Prints at once what is said, and at the end each ratio: in every mode, and the worst as a last line. */
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
