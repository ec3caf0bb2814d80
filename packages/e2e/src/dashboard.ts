import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { CcspClient } from "@ccsp/client";
import { startWorld, type World, type WorldOptions } from "@ccsp/e2e-kit/world.js";
import { ROLES } from "@ccsp/identity";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { openBrowser } from "./browser.js";

/** A loaded machine with two cores needs this long for a page and its data. */
const PATIENCE_MS = 60_000;
export const PHONE = { width: 390, height: 800 };

/** The pages of the rail, as they are named there. */
export const PAGES = {
  Overview: "/",
  Queue: "/queue",
  Tasks: "/tasks",
  Executors: "/executors",
  Usage: "/usage",
  Alerts: "/alerts",
  Sessions: "/sessions",
  Schedules: "/schedules",
  Notifications: "/notifications",
  Keys: "/keys",
  Audit: "/audit",
};

export interface Visitor {
  /** Default: `ada`. */
  readonly subject?: string;
  /** Default: those of an admin. */
  readonly scopes?: readonly string[];
  readonly options?: BrowserContextOptions;
}

/**
 * The dashboard of a world of its own, in a browser, for the tests of the suite that calls this. Without a browser, the
 * suite is skipped. Each test begins without a page, and fails when a script of its page does.
 */
export function dashboardOf(options: WorldOptions): Dashboard {
  const dashboard = new Dashboard();
  before(async function () {
    await dashboard.start(await openBrowser(this), options);
  });
  after(() => dashboard.stop());
  afterEach(function () {
    return dashboard.close(this.currentTest?.title);
  });
  return dashboard;
}

/** The dashboard of a world, in a browser: one page at a time. */
export class Dashboard {
  readonly #faults: string[] = [];
  #browser: Browser | undefined;
  #world: World | undefined;
  #client: CcspClient | undefined;
  #page: Page | undefined;

  async start(browser: Browser, options: WorldOptions): Promise<void> {
    this.#browser = browser;
    this.#world = await startWorld(options);
    this.#client = this.world.client("reviewers");
  }

  async stop(): Promise<void> {
    await this.#world?.close();
    await this.#browser?.close();
  }

  get world(): World {
    return started(this.#world);
  }

  /** The client of the agent `reviewers`. */
  get client(): CcspClient {
    return started(this.#client);
  }

  get page(): Page {
    return started(this.#page);
  }

  /** Opens a path as somebody whom the gateway does not know. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    await this.#newPage(options);
    await this.page.goto(path);
    return this.page;
  }

  /** Signs in at the sign-in page, in any language. */
  async signIn({
    subject = "ada",
    scopes = ROLES.admin,
    ttlSeconds = 3600,
  }: Pick<Visitor, "subject" | "scopes"> & { readonly ttlSeconds?: number } = {}): Promise<void> {
    const token = await this.world.token(subject, { scopes, ttlSeconds });
    await this.page.locator("input[type=password]").fill(token);
    await this.page.keyboard.press("Enter");
    await this.page.locator("main#content").waitFor();
  }

  /** Opens a path as somebody who has signed in. */
  async visit(path: string, { subject = "ada", scopes = ROLES.admin, options = {} }: Visitor = {}): Promise<Page> {
    const page = await this.#newPage(options);
    const answer = await page.request.post("/session", {
      headers: { origin: this.world.fleet.httpAddress, "x-ccsp-csrf": "1" },
      data: { token: await this.world.token(subject, { scopes }) },
    });
    assert.equal(answer.status(), 200, await answer.text());
    await page.goto(path);
    return page;
  }

  async #newPage(options: BrowserContextOptions): Promise<Page> {
    await this.#page?.context().close();
    const baseURL = this.world.fleet.httpAddress;
    const context = await started(this.#browser).newContext({ locale: "en-GB", baseURL, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    context.on("weberror", (fault) => this.#faults.push(fault.error().message));
    this.#page = await context.newPage();
    return this.#page;
  }

  /** Opens a path in one more tab beside the others of this person. From now on, this tab is the page. */
  async openTab(path: string): Promise<Page> {
    this.#page = await this.page.context().newPage();
    await this.#page.goto(path);
    return this.#page;
  }

  /** Waits for a page's first line. */
  async headline(text: string | RegExp): Promise<void> {
    await this.page.getByRole("heading", { level: 1, name: text }).waitFor();
  }

  async addressIs(path: string): Promise<void> {
    await this.page.waitForURL((url) => url.pathname + url.search === path);
  }

  /** Presses the button of this name, of several the last one: that of a dialog. */
  async press(name: string, within: Page | Locator = this.page): Promise<void> {
    await within.getByRole("button", { name, exact: true }).last().click();
  }

  /** Waits until the page says what was done. */
  async says(text: string | RegExp): Promise<void> {
    await this.page.getByRole("status").getByText(text).waitFor();
  }

  /** Types into the palette, and takes what is found first. */
  async take(text: string): Promise<void> {
    await this.page.locator("button.find").waitFor();
    await this.page.keyboard.press("Control+k");
    await this.page.locator(".palette-text:focus").waitFor();
    await this.page.keyboard.type(text);
    await this.page.getByRole("option", { name: text, selected: true }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  async fill(label: string, text: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).fill(text);
  }

  /**
   * Closes the page, and fails if one of its scripts did. If CCSP_TEST_PICTURES names a folder, it keeps there how the
   * page looked, for people to look at.
   */
  async close(title = ""): Promise<void> {
    const folder = process.env["CCSP_TEST_PICTURES"];
    if (folder && this.#page) {
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${title.replace(/\W+/g, "-").slice(0, 60)}.png`);
      await this.#page.screenshot({ path, fullPage: true });
    }
    await this.#page?.context().close();
    this.#page = undefined;
    assert.deepEqual(this.#faults.splice(0), [], "faults in the page's scripts");
  }
}

function started<Thing>(thing: Thing | undefined): Thing {
  return thing ?? assert.fail("it was not started");
}

/** Fails when axe-core finds something on the page. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(found, [], page.url());
}

/** What of a panel stands beyond its edge, where people do not see it. */
const CUT = `[...document.querySelectorAll(".panel")].flatMap((panel) => {
  const { right } = panel.getBoundingClientRect();
  return [...panel.querySelectorAll("td, th, button, a, p")]
    .filter((each) => !each.closest("pre, .unseen") && each.getBoundingClientRect().right > right)
    .map((each) => each.textContent);
})`;

/** Fails when the page is wider than its screen, or when a part of a panel is cut at its edge. */
export async function assertFits(page: Page): Promise<void> {
  assert.deepEqual(await page.evaluate(CUT), [], `${page.url()} cuts what stands beyond a panel`);
  const beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(beyond, 0, `${page.url()} is wider than the screen`);
}
