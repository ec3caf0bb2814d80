import { whyNoConsul } from "./binary.js";

/** What is used of Mocha's `this` in a `before` hook. */
interface HookContext {
  skip(): unknown;
  readonly test?: { readonly parent?: { title: string } | undefined } | undefined;
}

/** For a test, or a `before` hook of tests: skips it, or them, where no Consul can be had, and says why in the title, which the list of what was skipped shows. */
export function needsConsul(context: HookContext): void {
  const reason = whyNoConsul();
  if (reason === undefined) return;
  const suite = context.test?.parent;
  if (suite) suite.title += ` [needs Consul: ${reason}]`;
  context.skip();
}
