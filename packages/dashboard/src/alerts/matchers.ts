interface Matcher {
  readonly label: string;
  readonly value: string;
  readonly negated: boolean;
}

/** Which signals or alerts are meant, such as `rule=disk-full,host!=a`. */
export const matchersText = (matchers: readonly Matcher[]): string =>
  matchers.map(({ label, value, negated }) => `${label}${negated ? "!=" : "="}${value}`).join(",");
