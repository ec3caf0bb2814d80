import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { ROLES } from "@ccsp/identity";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { World } from "./world.js";

/** A loaded machine with two cores needs this long for a page and its data. */
export const PATIENCE_MS = 60_000;
export const PHONE = { width: 390, height: 800 };

export interface Visitor {
  /** Default: `ada`. */
  readonly subject?: string;
  /** Default: those of an admin. */
  readonly scopes?: readonly string[];
  readonly options?: BrowserContextOptions;
}

/**
 * Opens the dashboard at an address for somebody who has signed in. A fault in the page's console fails the call that
 * waits for the page. Close `page.context()` in the end.
 */
export async function visit(
  browser: Browser,
  world: World,
  path: string,
  { subject = "ada", scopes = ROLES.admin, options = {} }: Visitor = {},
): Promise<Page> {
  const origin = world.fleet.httpAddress;
  const context = await browser.newContext({ locale: "en-GB", baseURL: origin, ...options });
  const answer = await context.request.post("/session", {
    headers: { origin, "x-ccsp-csrf": "1" },
    data: { token: await world.token(subject, { scopes }) },
  });
  assert.equal(answer.status(), 200, await answer.text());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => {
    throw error;
  });
  await page.goto(path);
  return page;
}

/** Fails when axe-core finds something serious on the page. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(serious, [], page.url());
}

/** Fails when the page is wider than its screen. */
export async function assertFits(page: Page): Promise<void> {
  const beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(beyond, 0, `${page.url()} is wider than the screen`);
}
