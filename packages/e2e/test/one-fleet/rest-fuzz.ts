import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { createRandom, type Random } from "@ccsp/e2e-kit/random.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { hostileText } from "@ccsp/fuzz/hostile.js";
import { Known } from "@ccsp/fuzz/known.js";
import { requestBytes } from "@ccsp/fuzz/request.js";
import { methodNamed } from "@ccsp/protos/descriptor.js";
import { type RestOperation, restOperations } from "../../src/rest-paths.js";

const INPUTS = Number(process.env["CCSP_FUZZ_INPUTS"] ?? 1_500);
const SEED = process.env["CCSP_SEED"] ?? randomUUID();
const CALLERS = 6;

export const restFuzz = (world: () => World): Mocha.Suite =>
  describe(`${INPUTS} fuzzed requests over all paths of REST (CCSP_SEED=${SEED})`, function () {
    this.timeout(600_000);
    it("get an answer below 500, and the gateway logs no failure and goes on", async () => {
      const random = createRandom(SEED);
      const operations = await restOperations(world());
      const known = new Known({
        agent_id: ["fuzz-1"],
        engine: ["claude-code"],
        executor_id: ["executor-1"],
        priority: ["HIGH"],
      });
      const statuses = new Map<number, number>();
      const wrong: string[] = [];
      let left = INPUTS;
      const work = async (caller: number) => {
        const token = await world().token(`fuzz-${caller}`, { scopes: ["admin"] });
        while (left > 0) {
          left -= 1;
          const request = fuzzed(random.pick(operations), random, known);
          const { status, text } = await send(request, token);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status >= 500) wrong.push(`${status} ${request.method} ${request.path}: ${text.slice(0, 300)}`);
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, (_, caller) => work(caller)));
      console.log(Object.fromEntries([...statuses].toSorted(([a], [b]) => a - b)));
      const failures = world().lines.filter((line) => line.includes("a handler failed"));
      assert.deepEqual([wrong.slice(0, 5), failures.slice(0, 3)], [[], []], `${wrong.length} answers were 500 or more`);
      assert.ok((statuses.get(200) ?? 0) > INPUTS / 50, "hardly any request was accepted");
      assert.deepEqual(
        world()
          .fleet.processes()
          .filter(({ restarts }) => restarts > 0),
        [],
      );
    });

    async function send({ method, path, body, headers }: Fuzzed, token: string) {
      const leaving = new AbortController();
      const timer = setTimeout(() => leaving.abort(), 2_000);
      try {
        const answer = await fetch(`${world().fleet.httpAddress}/api/v2${path}`, {
          method,
          ...(body !== undefined && { body }),
          headers: { ...headers, authorization: `Bearer ${token}` },
          signal: leaving.signal,
        });
        const text = answer.headers.get("content-type") === "text/event-stream" ? "" : await answer.text();
        return { status: answer.status, text };
      } catch (error) {
        // A stream that waits for its first message, and a probe that waits for its engine.
        if (leaving.signal.aborted) return { status: 0, text: "" };
        throw new Error(`${method} ${path} has no answer`, { cause: error });
      } finally {
        clearTimeout(timer);
        leaving.abort();
      }
    }
  });

interface Fuzzed {
  readonly method: string;
  readonly path: string;
  readonly body: string | Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const utf8 = (random: Random): string => Buffer.from(hostileText(random)).toString("utf8").slice(0, 2_000);

function fuzzed({ method, path, rpcs, parameters, hasBody }: RestOperation, random: Random, known: Known): Fuzzed {
  const value = () =>
    random.chance(0.5) ? random.pick(["executor-1", "fuzz-1", "0", "true", "1h", "5s", "QUEUED"]) : utf8(random);
  const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(value()) || "x");
  const query = new URLSearchParams();
  for (const { name, in: where } of parameters)
    if (where === "query" && random.chance(0.3)) query.append(name, value());
  if (random.chance(0.1)) query.append(utf8(random), utf8(random));
  const headers: Record<string, string> = hasBody ? { "content-type": "application/json" } : {};
  if (random.chance(0.05)) headers["last-event-id"] = random.pick(["-1", "x", "99999999999999999999", "7"]);
  if (random.chance(0.05)) headers["idempotency-key"] = random.pick(["a", "b", "x".repeat(500), "\u00e9"]);
  if (random.chance(0.03))
    headers["content-type"] = random.pick(["text/plain", "application/json; charset=utf-16", "x"]);
  if (random.chance(0.03)) headers["accept"] = random.pick(["text/html", ";;;", "*/*;q=0"]);
  const asked = query.size > 0 && (!hasBody || random.chance(0.02)) ? `${filled}?${query.toString()}` : filled;
  return { method, path: asked, body: hasBody ? bodyFor(rpcs[0] ?? "", random, known) : undefined, headers };
}

/** Mostly the JSON of a message that may be hostile, sometimes damaged, sometimes something else. */
function bodyFor(rpc: string, random: Random, known: Known): string | Buffer {
  if (random.chance(0.05))
    return random.pick(["", "null", "[]", '"x"', "{", '{"__proto__":{}}', "[".repeat(50_000), "1e999"]);
  const { input } = methodNamed(rpc);
  try {
    const json = JSON.stringify(toJson(input, fromBinary(input, requestBytes(input, random, known))));
    if (random.chance(0.1)) return json.slice(0, random.between(0, json.length));
    if (random.chance(0.1))
      return json.replace(/"[^"]*"|\d+/, () => random.pick(["null", "{}", "[1]", '"\\ud800"', "-0", "1e400"]));
    return json;
  } catch {
    // The bytes were damaged, or hold what JSON cannot.
    return Buffer.from(requestBytes(input, random, known));
  }
}
