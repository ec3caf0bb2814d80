import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ROLES } from "@ccsp/identity";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { PATIENCE_MS } from "./dashboard.js";
import type { World } from "./world.js";

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
/** The dashboard of a world, in a browser: one page at a time. */
export class DashboardVisit {
  readonly #browser: Browser;
  readonly #world: World;
  #page: Page | undefined;
  readonly #faults: string[] = [];

  constructor(browser: Browser, world: World) {
    this.#browser = browser;
    this.#world = world;
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error("no page is open");
    return this.#page;
  }

  /** Opens a path as somebody whom the gateway does not know. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const baseURL = this.#world.fleet.httpAddress;
    const context = await this.#browser.newContext({ locale: "en-GB", baseURL, ...options });
    this.#page = await context.newPage();
    this.#page.setDefaultTimeout(PATIENCE_MS);
    this.#page.on("pageerror", ({ message }) => this.#faults.push(message));
    await this.#page.goto(path);
    return this.#page;
  }

  /** Signs in as an administrator, at the sign-in page in any language. */
  async signIn(ttlSeconds = 3600): Promise<void> {
    const token = await this.#world.token("ada", { scopes: ROLES.admin, ttlSeconds });
    await this.page.locator("input[type=password]").fill(token);
    await this.page.keyboard.press("Enter");
    await this.page.locator("main#content").waitFor();
  }

  async openSignedIn(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.open(path, options);
    await this.signIn();
    return page;
  }

  /** Waits for a page's first line. */
  async headline(text: string | RegExp): Promise<void> {
    await this.page.getByRole("heading", { level: 1, name: text }).waitFor();
  }

  async addressIs(path: string): Promise<void> {
    await this.page.waitForURL((url) => url.pathname + url.search === path);
  }

  /**
   * Closes the page, and answers what failed in its scripts. If CCSP_TEST_PICTURES names a folder, it keeps there how
   * the page looked, for people to look at.
   */
  async close(title: string): Promise<readonly string[]> {
    const folder = process.env["CCSP_TEST_PICTURES"];
    if (folder && this.#page) {
      await mkdir(folder, { recursive: true });
      await this.#page.screenshot({
        path: join(folder, `${title.replace(/\W+/g, "-").slice(0, 60)}.png`),
        fullPage: true,
      });
    }
    await this.#page?.context().close();
    this.#page = undefined;
    return this.#faults.splice(0);
  }
}
