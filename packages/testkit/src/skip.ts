/** Mocha's `this` in a test or hook. */
interface TestContext {
  runnable(): { readonly type?: string | undefined; readonly parent?: object | undefined };
  skip(): never;
}

/**
 * Skips this test, or in a hook all tests of its suite. The end of the run shows the reason (mocha-reporter.cjs reads
 * it). Mocha's own `this.skip()` takes no reason.
 */
export function skip(context: TestContext, why: string): never {
  const runnable = context.runnable();
  Object.assign((runnable.type === "hook" && runnable.parent) || runnable, { skipReason: why });
  return context.skip();
}
