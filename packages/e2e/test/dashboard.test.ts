import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { CcspClient } from "@ccsp/client";
import { ROLES } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openBrowser } from "../src/browser.js";
import { processesOf } from "../src/runs.js";
import { startWorld, type World } from "../src/world.js";

/** The pages of the rail, as they are named there. */
const PAGES = {
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
/** A loaded machine with two cores needs this long for a page and its data. */
const PATIENCE = { timeout: 60_000 };
const PHONE = { width: 390, height: 800 };

describe("the dashboard in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  let browser: Browser;
  let world: World;
  let client: CcspClient;
  let gates = 0;
  before(async function () {
    browser = await openBrowser(this);
    world = await startWorld({ engine: "scripted", slots: 2 });
    client = world.client("reviewers");
  });
  after(async () => {
    await world?.close();
    await browser?.close();
  });
  let page: Page;
  const faults: string[] = [];
  afterEach(async function () {
    if (page !== undefined) await keepPicture(page, this.currentTest?.title ?? "");
    await page?.context().close();
    assert.deepEqual(faults.splice(0), [], "faults in the page's console");
  });

  async function open(path: string, options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext({ locale: "en-GB", baseURL: world.fleet.httpAddress, ...options });
    page = await context.newPage();
    page.setDefaultTimeout(PATIENCE.timeout);
    page.on("pageerror", ({ message }) => faults.push(message));
    await page.goto(path);
  }
  async function signIn(ttlSeconds = 3600): Promise<void> {
    await page.getByLabel("Token or API key").fill(await world.token("ada", { scopes: ROLES.admin, ttlSeconds }));
    await page.keyboard.press("Enter");
  }
  async function openSignedIn(path: string, options: BrowserContextOptions = {}): Promise<void> {
    await open(path, options);
    await signIn();
    await page.getByRole("navigation", { name: "Pages" }).waitFor({ state: "attached" });
  }
  const headline = (text: string | RegExp) => page.getByRole("heading", { level: 1, name: text }).waitFor();
  const addressIs = (path: string) => page.waitForURL((url) => url.pathname + url.search === path);

  /** Starts a run that goes on until its file exists. */
  async function startRun(prompt: string): Promise<{ readonly id: string; readonly end: () => Promise<void> }> {
    gates += 1;
    const file = join(world.dataDir, `gate-${gates}`);
    const { id } = await client.submit({ prompt: `${prompt} [[gate:${file}]]`, labels: { pr: "4312" } });
    await eventually(async () => assert.ok((await processesOf([id])).length > 0), PATIENCE_OF_RUNS);
    return { id, end: () => writeFile(file, "") };
  }

  it("shows the page that was asked for after the sign-in, and says why a token is refused", async () => {
    await open("/queue?class=LOW");
    await page.getByLabel("Token or API key").fill("not a token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await signIn();
    await page.getByRole("link", { name: "Queue", exact: false }).and(page.locator("[aria-current=page]")).waitFor();
    await addressIs("/queue?class=LOW");
    assert.equal(await page.evaluate("document.cookie"), "", "no script can read the proof");
  });

  it("asks for a new sign-in when the old one has expired, and comes back to the same address", async () => {
    await open("/tasks?state=FAILED");
    await signIn(15);
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await page.getByText("Your sign-in has ended.").waitFor();
    await signIn();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await addressIs("/tasks?state=FAILED");
  });

  it("shows a run when it starts and when it ends, without a reload", async () => {
    await openSignedIn("/");
    await headline("Idle: no task runs or waits.");
    const run = await startRun("Review");
    await headline("Working.");
    await page.getByText("1 task runs, 0 wait.").waitFor();
    await page.getByRole("link", { name: `run of ${run.id}` }).waitFor();
    await run.end();
    await headline("Idle: no task runs or waits.");
  });

  it("finds a task by its label, and every page by its name, with the keyboard alone", async () => {
    const { id, end } = await startRun("Review");
    await end();
    await openSignedIn("/");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("pr=4312");
    await page.getByRole("option", { name: id }).waitFor();
    await page.keyboard.press("Enter");
    await addressIs(`/tasks/${id}`);
    for (const [name, path] of Object.entries(PAGES)) {
      await page.keyboard.press("Control+k");
      await page.keyboard.type(name);
      await page.keyboard.press("Enter");
      await addressIs(path);
    }
    await page.goBack();
    await addressIs(PAGES.Keys);
    await page.keyboard.press("Control+k");
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await tabTo("Emergency stop");
  });

  /** Presses Tab until this button has the focus, and checks that the focus can be seen on the way. */
  async function tabTo(name: string): Promise<void> {
    const wanted = page.getByRole("button", { name });
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      const style = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
      assert.notEqual(style, "none", "the focus is not visible");
      if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  }

  it("fits a phone in both languages, with the pages behind a button", async () => {
    await openSignedIn("/", { viewport: PHONE });
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByLabel("Language").selectOption("日本語");
    await page.getByRole("link", { name: "使用量" }).click();
    await addressIs("/usage");
    assert.equal(await page.getByRole("link", { name: "使用量" }).isVisible(), false, "the menu has closed");
    for (const path of Object.values(PAGES)) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      assert.equal(beyond, 0, `${path} is wider than the screen`);
    }
  });

  it("speaks the language of the browser, and the chosen one after that", async () => {
    await open("/", { locale: "ja-JP" });
    await page.getByLabel("トークンまたは API キー").fill(await world.token("ada", { scopes: ROLES.admin }));
    await page.keyboard.press("Enter");
    await headline("待機中・実行中のタスクはありません。");
    assert.equal(await page.evaluate("document.documentElement.lang"), "ja");
    await page.getByLabel("言語").selectOption("English");
    await headline("Idle: no task runs or waits.");
    await page.reload();
    await headline("Idle: no task runs or waits.");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has nothing that keeps people out, by axe, on any page in ${colorScheme} colours`, async () => {
      const { end } = await startRun("Review");
      await openSignedIn("/", { colorScheme });
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.locator(".loading").waitFor({ state: "detached" });
        await assertAccessible(page, name);
      }
      await page.keyboard.press("Control+k");
      await assertAccessible(page, "the palette");
      await end();
    });
  }

  it("ends all runs with an emergency stop that says what it will do, and shows what each executor did", async () => {
    const { id } = await startRun("Leak");
    await openSignedIn("/");
    await headline("Working.");
    await page.getByRole("button", { name: "Emergency stop" }).click();
    await page.getByText("Ends 1 run; their tasks and 0 that wait start again after the resume.").waitFor();
    const stop = page.getByRole("button", { name: "Stop now" });
    await page.getByLabel("Why (everybody sees it)").fill("a prompt leaks");
    assert.equal(await stop.isDisabled(), true, "the word was not typed");
    await page.getByLabel("Type stop to confirm.").fill("stop");
    await stop.click();
    await page.getByText("1 ended, 0 left", { exact: true }).waitFor();
    assert.deepEqual(await processesOf([id]), []);
    await page.keyboard.press("Escape");
    await headline("Stopped: an emergency stop is in force.");
    await page.getByText("By ada: a prompt leaks.").waitFor();

    await page.getByRole("button", { name: "An emergency stop is in force" }).click();
    await page.getByLabel("Why it can go on").fill("it is mended");
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await headline("Working.");
    await client.cancel(id);
    await headline("Idle: no task runs or waits.");
  });

  it("says since when the connection is lost, and goes on by itself when the gateway is back", async () => {
    await openSignedIn("/");
    await headline("Idle: no task runs or waits.");
    const line = page.getByText("No connection to the gateway since");
    await Promise.all([line.waitFor(), world.fleet.kill9("gateway")]);
    await line.waitFor({ state: "detached" });
    const { end } = await startRun("Review");
    await headline("Working.");
    await end();
  });
});

const PATIENCE_OF_RUNS = { timeoutMs: 60_000, what: "a run" };

async function assertAccessible(page: Page, name: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(serious, []);
}

/** With CCSP_TEST_PICTURES, keeps how the page looks at the end of each test in this folder, for people to look at. */
async function keepPicture(page: Page, title: string): Promise<void> {
  const folder = process.env["CCSP_TEST_PICTURES"];
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${title.replace(/\W+/g, "-").slice(0, 60)}.png`), fullPage: true });
}
