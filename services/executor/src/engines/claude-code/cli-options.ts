/** The options of the installed CLI. It is asked, because versions differ in more than their number says. */
export interface CliOptions {
  /** Rejects if the CLI does not answer. */
  has(option: string): Promise<boolean>;
  /**
   * Takes the version that a run reported. The CLI is asked again when another version was installed meanwhile, and after
   * a run without a version: it may have ended at an option that the CLI no longer has.
   */
  ran(version: string | undefined): void;
}

/** Asks when an option is needed for the first time. Most executors never need one. */
export function createCliOptions(ask: () => Promise<ReadonlySet<string>>): CliOptions {
  let answer: Promise<ReadonlySet<string>> | undefined;
  let version: string | undefined;
  return {
    async has(option) {
      answer ??= ask();
      try {
        return (await answer).has(option);
      } catch (error) {
        answer = undefined;
        throw error;
      }
    },
    ran(seen) {
      if (seen === undefined || (version !== undefined && seen !== version)) answer = undefined;
      version = seen ?? version;
    },
  };
}
