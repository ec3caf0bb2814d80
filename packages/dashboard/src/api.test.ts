import assert from "node:assert/strict";
import { mock } from "node:test";
import { ApiError, answersSoon, giveUpRequests, send } from "./api.js";

/** Answers `/session` as told. Nothing else is answered. */
function gatewayThat(answersSession: () => Promise<Response>): void {
  mock.method(globalThis, "fetch", (url: string, { signal }: { readonly signal: AbortSignal }) =>
    url === "/session"
      ? answersSession()
      : new Promise((_, refuse) => signal.addEventListener("abort", () => refuse(new Error("aborted")))),
  );
}

describe("the page's requests", () => {
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });

  it("fail as UNREACHABLE when they wait since the network was cut, and later ones go on", async () => {
    gatewayThat(async () => assert.fail("not asked"));
    mock.timers.enable({ apis: ["Date"] });
    const stop = send("POST", "/api/v2/emergency-stop");
    mock.timers.tick(1_000);
    const probed = new Date();
    mock.timers.tick(1);
    const later = send("POST", "/api/v2/queue/resume");
    giveUpRequests(probed);
    await assert.rejects(stop, (error) => error instanceof ApiError && error.problem.reason === "UNREACHABLE");
    const settled = later.then(
      () => "answered",
      () => "given up",
    );
    assert.equal(await Promise.race([settled, new Promise((tell) => setImmediate(tell, "waits"))]), "waits");
    giveUpRequests(new Date());
    assert.equal(await settled, "given up");
  });

  it("are worth waiting for while the gateway answers anything, also with a refusal", async () => {
    for (const [answer, soon] of [
      [async () => new Response("{}"), true],
      [async () => new Response("{}", { status: 401 }), true],
      [async () => Promise.reject(new Error("cut")), false],
    ] as const) {
      gatewayThat(answer);
      assert.equal(await answersSoon(), soon);
      mock.restoreAll();
    }
  });
});
