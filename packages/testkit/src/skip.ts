/** Mocha's `this` in a test or hook. */
interface TestContext {
  runnable(): { readonly type?: string | undefined; readonly parent?: object | undefined };
  skip(): never;
}

/**
 * Skips this test or, from a hook, the tests of its suite, and says why at the end of the run, which mocha's own `this.skip()`
 * cannot (mocha-reporter.cjs reads it).
 */
export function skip(context: TestContext, why: string): never {
  const runnable = context.runnable();
  Object.assign((runnable.type === "hook" && runnable.parent) || runnable, { skipReason: why });
  return context.skip();
}
