import { whyNoConsul } from "./binary.js";

/** The part of Mocha's `this` in a `before` hook that is used here. */
interface HookContext {
  skip(): unknown;
  readonly test?: { readonly parent?: { title: string } | undefined } | undefined;
}

/**
 * Skips a test, or all tests of a suite from its `before` hook, if no Consul can be started here. It adds the reason to
 * the suite's title, because the list of skipped tests shows the title.
 */
export function needsConsul(context: HookContext): void {
  const reason = whyNoConsul();
  if (reason === undefined) return;
  const suite = context.test?.parent;
  if (suite) suite.title += ` [needs Consul: ${reason}]`;
  context.skip();
}
