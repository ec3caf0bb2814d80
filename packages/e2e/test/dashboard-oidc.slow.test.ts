import assert from "node:assert/strict";
import { freePort } from "@ccsp/fleet";
import { type OidcIssuer, startOidcIssuer } from "@ccsp/oidc-issuer";
import type { Page } from "playwright-core";
import { openBrowser } from "../src/browser.js";
import { assertAccessible, Dashboard } from "../src/dashboard.js";

const PEOPLE = { ada: { groups: ["dev"] }, bob: { groups: ["guests"] } };

describe("the dashboard in Chromium, for people of an OIDC issuer", function () {
  this.timeout(180_000);
  const dashboard = new Dashboard();
  let issuer: OidcIssuer | undefined;
  let publicUrl: string;
  before(async function () {
    const browser = await openBrowser(this);
    const port = await freePort();
    // By another name than the issuer's, so the browser comes back from another site, as it does elsewhere.
    publicUrl = `http://localhost:${port}`;
    issuer = await startOidcIssuer({ people: PEOPLE, redirectUrls: [`${publicUrl}/session/oidc/callback`] });
    await dashboard.start(browser, {
      engine: "scripted",
      gatewayHttpListen: { host: "127.0.0.1", port },
      env: {
        CCSP_OIDC_ISSUER: issuer.url,
        CCSP_OIDC_AUDIENCE: "ccsp",
        CCSP_OIDC_CLIENT_ID: "ccsp",
        CCSP_OIDC_ROLES: "dev=operator",
        CCSP_GATEWAY_PUBLIC_URL: publicUrl,
      },
    });
  });
  afterEach(function () {
    return dashboard.close(this.currentTest?.title);
  });
  after(async () => {
    await dashboard.stop();
    await issuer?.stop();
  });

  /** Opens a path of the dashboard, and goes from its button to the issuer's page. */
  async function toIssuer(path: string): Promise<Page> {
    const page = await dashboard.open(path, { baseURL: publicUrl });
    // The issuer's page asks another site for its font.
    await page.route(
      ({ hostname }) => hostname !== "localhost" && hostname !== "127.0.0.1",
      (route) => route.abort(),
    );
    await page.getByRole("link", { name: "Sign in with your organisation" }).click();
    await page.waitForURL((url) => url.origin === issuer?.url);
    return page;
  }

  /** What a person does at the issuer's pages: says who it is, and agrees. */
  async function agree(page: Page, person: string): Promise<void> {
    await page.getByPlaceholder("Enter any login").fill(person);
    await page.getByPlaceholder("and password").fill("any");
    await dashboard.press("Sign-in");
    await dashboard.press("Continue");
    await page.waitForURL((url) => url.origin === publicUrl);
  }

  it("signs a person in through the issuer's page, shows the page that was asked for, and signs out again", async () => {
    const page = await toIssuer("/queue?class=LOW");
    await agree(page, "ada");
    await page.getByRole("link", { name: "Queue" }).and(page.locator("[aria-current=page]")).waitFor();
    await dashboard.addressIs("/queue?class=LOW");
    await page.locator("#rail").getByText("oidc.ada").waitFor();
    await page.locator("main#content h1").waitFor();
    assert.equal(await page.evaluate("document.cookie"), "", "no script can read the proof");
    await dashboard.press("Sign out");
    await page.getByRole("heading", { name: "Sign in to CCSP" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Sign in to CCSP" }).waitFor();
    assert.deepEqual(
      (await page.context().cookies(publicUrl)).map(({ name }) => name),
      [],
    );
  });

  it("says why nobody is signed in to a person who does not agree at the issuer, and leads back", async () => {
    const page = await toIssuer("/");
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.getByRole("heading", { name: "Sign-in failed" }).waitFor();
    await page.getByText(`${issuer?.url} refuses the sign-in: End-User aborted interaction`).waitFor();
    await assertAccessible(page);
    await page.getByRole("link", { name: "Dashboard" }).click();
    await page.getByRole("heading", { name: "Sign in to CCSP" }).waitFor();
  });

  it("tells a person whose groups have no role what the sign-in lacks", async () => {
    const page = await toIssuer("/executors");
    await agree(page, "bob");
    await page.locator("#rail").getByText("oidc.bob").waitFor();
    await page.locator("main").getByText("Hidden: your sign-in lacks the scope monitor:read.").first().waitFor();
  });
});
