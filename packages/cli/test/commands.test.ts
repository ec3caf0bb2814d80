import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MissedRuns, type Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { ErrorCategory, PermissionMode, Priority, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { zonedTime } from "../src/output/words.js";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp, type Invocation } from "./memory-io.js";

/** A small file. */
const NOTES = fileURLToPath(new URL("../package.json", import.meta.url));

/** A time as the command shows it to people. */
const local = (time: string): string => zonedTime(new Date(time));

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** The fields of a message that have their default value, also inside of it. */
function unset(message: object, path = ""): string[] {
  return Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined || value === "" || value === 0 || value === 0n || value === false) return [path + name];
    if (Array.isArray(value)) return value.length === 0 ? [path + name] : [];
    const plain = typeof value === "object" && value !== null && !(value instanceof Date) && !("nanos" in value);
    return plain ? unset(value, `${path}${name}.`) : [];
  });
}

describe("ccsp's commands", () => {
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  const at = (args: readonly string[], invocation: Invocation = {}) =>
    ccsp(args, { ...invocation, env: { CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "a-token", ...invocation.env } });
  let dir: string;
  let tokenFile: string;
  before(async () => {
    gateway = await startFakeAgentService();
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    tokenFile = join(dir, "token");
    await writeFile(tokenFile, "secret-token\n");
  });
  after(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("run streams the answer, and nothing else, to standard output", async () => {
    const { code, stdout, stderr } = await at(["run", "hello world"]);
    assert.equal(code, 0);
    assert.equal(stdout, "hello world\n");
    for (const part of ["5 in, 7 out", "$0.2500", "queue wait  1.5 s", "0123456789abcdef0123456789abcdef"]) {
      assert.ok(stderr.includes(part), `${part} in ${stderr}`);
    }
  });

  it("run --json prints one line of JSON per event", async () => {
    const { code, stdout } = await at(["run", "hello", "--json"]);
    assert.equal(code, 0);
    const events = jsonLines(stdout);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["accepted", "text", "text", "usage", "ended"],
    );
    const usage = { inputTokens: 5, outputTokens: 7, cacheReadTokens: 0, cacheCreationTokens: 0 };
    assert.deepEqual(events[3]?.["usage"], usage);
    const { result }: { result?: { usage?: unknown } } = events[4] ?? {};
    assert.deepEqual(result?.usage, usage);
  });

  it("take a token from a file, the environment or standard input, without a warning", async () => {
    for (const [args, invocation] of [
      [["--token-file", "-"], { stdin: "secret-token\n" }],
      [["--token", "-"], { stdin: "secret-token\n" }],
      [[], { env: { CCSP_TOKEN: "secret-token" } }],
      [["--token-file", tokenFile], {}],
    ] as const) {
      const { code, stderr } = await at(["list", ...args], invocation);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(gateway.tokens.pop(), "secret-token");
    }
  });

  it("take a token among the arguments for one more release, and warn that every process sees it there", async () => {
    const { code, stderr } = await at(["list", "--token", "secret-token"]);
    assert.equal(code, 0);
    assert.equal(gateway.tokens.pop(), "secret-token");
    assert.match(stderr, /^warning: .*visible.*--token-file, CCSP_TOKEN/);
    const [json] = jsonLines((await at(["list", "--token", "secret-token", "--json"])).stderr);
    assert.match(JSON.stringify(json?.["warning"]), /visible/);
  });

  it("take a token with the line break of the file or Secret that it was read from", async () => {
    for (const command of ["list", "queue status"])
      assert.equal((await at(command.split(" "), { env: { CCSP_TOKEN: "a-token\n" } })).code, 0);
    assert.equal(gateway.tokens.pop(), "a-token");
  });

  it("refuse a token that cannot be sent before any call, and never show it", async () => {
    for (const command of ["list", "queue status"]) {
      const { code, stdout, stderr } = await at(command.split(" "), { env: { CCSP_TOKEN: "secret-\ntoken" } });
      assert.equal(code, 3);
      assert.equal(stdout, "");
      assert.match(stderr, /^ccsp: the token has characters that are not allowed, such as a line break\n/, command);
      assert.doesNotMatch(stderr, /secret-/);
    }
  });

  it("run - reads the prompt from standard input", async () => {
    const { stdout } = await at(["run", "-"], { stdin: "from a pipe" });
    assert.equal(stdout, "from a pipe\n");
  });

  it("explain says what blocks a task, in order and until when, and when it may start", async () => {
    const id = (await at(["submit", "x"])).stdout.trim();
    const { code, stdout } = await at(["explain", id]);
    assert.equal(code, 0);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      "state       QUEUED",
      "older       3 waiting in its class, 1 of them your own",
      `blocked by  everything is paused, by ada: release (until ${local("2030-01-01T00:00:00Z")})`,
      "            all 2 slots for fake are taken",
      `not before  ${local("2030-01-01T00:00:00Z")}`,
      "starts in   1 s as likely as not; 9 in 10 within 2 s, 19 in 20 within 3 s",
    ]);
    const [json] = jsonLines((await at(["explain", id, "--json"])).stdout);
    assert.deepEqual([json?.["state"], json?.["aheadInClass"]], ["QUEUED", 3]);
    await at(["cancel", id]);
    assert.match((await at(["explain", id])).stdout, /^state +CANCELLED\nit does not wait\n$/);
    assert.equal((await at(["explain", "nothing"])).code, 4);
  });

  it("estimate says when a task would start, needs no prompt and submits nothing", async () => {
    const before = gateway.submitted.length;
    const { code, stdout } = await at(["estimate", "--priority", "low"]);
    assert.equal(code, 0);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      "starts in   1 s as likely as not; 9 in 10 within 2 s, 19 in 20 within 3 s",
      "runs for    unknown",
      `blocked by  everything is paused, by ada: release (until ${local("2030-01-01T00:00:00Z")})`,
      "            all 2 slots for fake are taken",
    ]);
    assert.deepEqual(gateway.estimated.at(-1), TaskSpec.fromPartial({ priority: Priority.LOW }));
    const [json] = jsonLines((await at(["estimate", "hello", "--json"])).stdout);
    assert.equal(gateway.estimated.at(-1)?.prompt, "hello");
    assert.deepEqual(json?.["start"], { p50: "1s", p90: "2s", p95: "3s" });
    assert.equal(gateway.submitted.length, before);
  });

  it("submit sends an option for every field of a task, and prints only the id", async () => {
    const line = "submit x --engine fake --priority urgent --label a=b --label c=d=e --timeout 90s --turns 3";
    const more = "--budget 0.5 --output-bytes 4096 --max-attempts 2 --model m --fallback-model n --request-id r1";
    const times = "--start-time 2030-01-01T00:00Z --start-deadline 2030-01-01T01:00Z";
    const retry = "--first-backoff 500ms --max-backoff 1m --never-on timeout --never-on NETWORK_ERROR";
    const place = "--executor ex-1 --fallback-after 2m --cache-max-age 1h --conversation 0-x --fork";
    const tools = "--tools Read,Bash --tools Grep --deny-tools Edit,Write --permission-mode accept-edits";
    const files = "--include /srv/a.md --include b.md --working-folder .";
    const options = `${line} ${more} ${times} ${retry} ${place} ${tools} ${files}`.split(" ");
    options.push("--attach", NOTES); // the path of this checkout may have spaces
    const allowed = ["--allow-tools", "Bash(git log:*, git show:*),WebFetch"];
    const { code, stdout, stderr } = await at([...options, ...allowed, "--system-prompt", "be brief"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^task-\d+\n$/);
    const { spec, requestId } = gateway.submitted.at(-1) ?? {};
    assert.equal(requestId, "r1");
    const asked: TaskSpec = {
      prompt: "x",
      engine: "fake",
      priority: Priority.URGENT,
      model: "m",
      fallbackModels: ["n"],
      systemPrompt: "be brief",
      availableTools: ["Read", "Bash", "Grep"],
      allowedTools: ["Bash(git log:*, git show:*)", "WebFetch"],
      deniedTools: ["Edit", "Write"],
      permissionMode: PermissionMode.ACCEPT_EDITS,
      labels: { a: "b", c: "d=e" },
      limits: { wallTime: { seconds: 90n, nanos: 0 }, outputBytes: 4096n, turns: 3, budgetUsd: 0.5 },
      maxAttempts: 2,
      startTime: new Date("2030-01-01T00:00Z"),
      startDeadline: new Date("2030-01-01T01:00Z"),
      retry: {
        firstBackoff: { seconds: 0n, nanos: 500_000_000 },
        maxBackoff: { seconds: 60n, nanos: 0 },
        neverOn: [ErrorCategory.TIMEOUT, ErrorCategory.NETWORK_ERROR],
      },
      affinity: { executorId: "ex-1", fallbackAfter: { seconds: 120n, nanos: 0 } },
      cache: { maxAge: { seconds: 3600n, nanos: 0 } },
      conversation: { id: "0-x", fork: true },
      attachments: [{ name: "package.json", content: await readFile(NOTES) }],
      includeFiles: ["/srv/a.md", join(process.cwd(), "b.md")],
      workingFolder: process.cwd(),
    };
    assert.deepEqual(spec, asked);
    assert.deepEqual(unset(asked), [], "this test has to ask for every field, so that a new one needs its option");
  });

  it("submit accepts the earlier names of the options for tools, beside the new ones", async () => {
    const line =
      "submit x --available-tool Read --tools Grep --allowed-tool Bash(git:*) --denied-tool Edit --deny-tools Write";
    assert.equal((await at(line.split(" "))).code, 0);
    const { availableTools, allowedTools, deniedTools } = gateway.submitted.at(-1)?.spec ?? {};
    assert.deepEqual(
      [availableTools, allowedTools, deniedTools],
      [["Grep", "Read"], ["Bash(git:*)"], ["Write", "Edit"]],
    );
  });

  it("run, submit, estimate and schedule put send the same options", async () => {
    const options = "--working-folder /srv/web --allow-tools Edit --turns 2".split(" ");
    await at(["run", "x", ...options]);
    const ran = gateway.submitted.at(-1)?.spec;
    await at(["submit", "x", ...options]);
    await at(["estimate", "x", ...options]);
    await at(["schedule", "put", "same", "0 3 * * *", "x", ...options]);
    assert.deepEqual([ran?.workingFolder, ran?.allowedTools, ran?.limits?.turns], ["/srv/web", ["Edit"], 2]);
    for (const spec of [
      gateway.submitted.at(-1)?.spec,
      gateway.estimated.at(-1),
      gateway.schedules.get("same")?.spec,
    ]) {
      assert.deepEqual({ ...spec, engine: "" }, { ...ran, engine: "" });
    }
    await at(["schedule", "delete", "same"]);
  });

  it("submit takes a time from now, the cache without an age, and a conversation that begins", async () => {
    const before = Date.now();
    await at("submit x --start-time 2h --executor ex-1 --cache --conversation new".split(" "));
    const { spec } = gateway.submitted.at(-1) ?? {};
    const hours = ((spec?.startTime?.getTime() ?? 0) - before) / 3_600_000;
    assert.ok(hours >= 2 && hours < 2.1, `${hours} hours`);
    const { affinity, cache, conversation } = spec ?? {};
    assert.deepEqual(
      [affinity?.fallbackAfter, cache, conversation],
      [undefined, { maxAge: undefined }, { id: "", fork: false }],
    );
  });

  it("schedule put stores what its options say, list shows its times and its last result, delete removes it", async () => {
    const put = "schedule put nightly --time-zone Asia/Tokyo --missed run-once --priority low --label team=docs".split(
      " ",
    );
    const { code, stdout, stderr } = await at([...put, "0 3 * * *", "look at the issues"]);
    assert.equal(code, 0, stderr);
    const told = [
      "nightly  0 3 * * *  Asia/Tokyo, one run for all that were missed",
      `  next  ${local("2030-01-02T03:00:00Z")}`,
    ];
    assert.deepEqual(stdout.trimEnd().split("\n"), [...told, "  last  none yet"]);
    const stored = gateway.schedules.get("nightly");
    assert.deepEqual(
      [stored?.missedRuns, stored?.paused, stored?.spec],
      [
        MissedRuns.RUN_ONCE,
        false,
        TaskSpec.fromPartial({ prompt: "look at the issues", priority: Priority.LOW, labels: { team: "docs" } }),
      ],
    );

    const lastRunTime = new Date("2030-01-01T03:00:00Z");
    const lastLine = async (facts: Partial<Schedule>) => {
      Object.assign(stored ?? {}, { lastRunTime, ...facts });
      const [headers = "", row = ""] = (await at(["schedule", "list"])).stdout.split("\n");
      assert.match(headers, /^NAME +TIMES +TIME ZONE +NEXT +LAST +PROMPT$/);
      assert.ok(row.startsWith(`nightly  0 3 * * *  Asia/Tokyo  ${local("2030-01-02T03:00:00Z")}  `), row);
      return row.slice(headers.indexOf("LAST"));
    };
    const lastTaskId = (await at(["submit", "x"])).stdout.trim();
    const prompt = "  look at the issues";
    assert.equal(await lastLine({ lastTaskId }), `task ${lastTaskId} QUEUED${prompt}`);
    assert.equal(await lastLine({ lastTaskId: "gone" }), `task gone${prompt}`, "it was forgotten");
    assert.equal(await lastLine({ lastFault: "too much waits" }), `made no task: too much waits${prompt}`);
    assert.match((await at([...put, "0 3 * * *", "x", "--paused"])).stdout, /^ {2}next {2}paused$/m);

    assert.equal(jsonLines((await at(["schedule", "list", "--json"])).stdout)[0]?.["cron"], "0 3 * * *");
    assert.equal((await at(["schedule", "delete", "nightly"])).stdout, "nightly is deleted\n");
    const none = await at(["schedule", "list"]);
    assert.deepEqual([none.stdout, /^no schedules yet: ccsp schedule put /.test(none.stderr)], ["", true]);
    assert.equal((await at(["schedule", "delete", "nightly"])).code, 4);
  });

  it("watch shows the entries after the given sequence", async () => {
    const { stdout: id } = await at(["submit", "abcdef"]);
    const { code, stdout } = await at(["watch", id.trim(), "--after", "1"]);
    assert.equal(code, 0);
    assert.equal(stdout, "def\n");
  });

  it("watch of a task that failed and was put back continues to its last end, and exits with the code of that end", async () => {
    const { stdout: id } = await at(["submit", "retried"]);
    const { code, stderr } = await at(["watch", id.trim()]);
    assert.match(stderr, /the task ended FAILED: 529\n[^]*waits: put back\n[^]*cost/);
    assert.equal(code, 0);
  });

  it("watch of a task that has ended prints the end, even when no entry is left to show", async () => {
    const { stdout: id } = await at(["submit", "abcdef"]);
    await at(["watch", id.trim()]);
    const { code, stdout, stderr } = await at(["watch", id.trim(), "--after", "3"]);
    assert.equal(code, 0);
    assert.equal(stdout, "");
    assert.match(stderr, /cost/);
  });

  it("get and list show tasks, as text and as JSON", async () => {
    const { stdout: id } = await at(["submit", "abcdef"]);
    assert.match((await at(["get", id.trim()])).stdout, /state {7}QUEUED/);
    const { stdout: labelled } = await at("submit x --engine other --priority high --label a=b".split(" "));
    const shown = (await at(["get", labelled.trim()])).stdout;
    for (const line of [/^class {7}high$/m, /^engine {6}other$/m, /^labels {6}a=b$/m, /^agent {7}alice$/m]) {
      assert.match(shown, line);
    }
    const [headers = "", ...rows] = (await at(["list"])).stdout.trimEnd().split("\n");
    assert.match(headers, /^ID +STATE +CLASS +ENGINE +AGE +RUNS +LABELS/);
    const row = rows.find((each) => each.startsWith(`${labelled.trim()} `)) ?? "";
    assert.deepEqual(row.split(/ {2,}/), [labelled.trim(), "QUEUED", "high", "other", "-", "0", "a=b"]);
    assert.equal(jsonLines((await at(["get", id.trim(), "--json"])).stdout)[0]?.["id"], id.trim());
    assert.ok(jsonLines((await at(["list", "--json"])).stdout).some((task) => task["id"] === id.trim()));
    const two = await at(["list", "--limit", "2"]);
    assert.equal(two.stdout.trimEnd().split("\n").length, 3);
    assert.equal(two.stderr, "there are more: --limit or --all shows them\n");
    const none = await at(["list", "--state", "expired"]);
    assert.deepEqual([none.stdout, none.stderr], ["", "no tasks match these options\n"]);
  });

  it("list requests the tasks that its options name", async () => {
    const options = [
      "--engine",
      "fake",
      "--label",
      "a=b",
      "--label",
      "c=d=e",
      "--priority",
      "LOW",
      "--priority",
      "high",
    ];
    const times = ["--since", "2h", "--until", "2026-01-31T09:00Z"];
    const before = Date.now();
    await at(["list", ...options, ...times, "--error", "rate_limit", "--state", "failed,cancelled"]);
    const { states, filter } = gateway.listed.at(-1) ?? {};
    assert.deepEqual(states, [TaskState.FAILED, TaskState.CANCELLED]);
    const { createdAfter, ...rest } = filter ?? {};
    assert.deepEqual(rest, {
      agentId: "",
      states: [],
      engine: "fake",
      labels: { a: "b", c: "d=e" },
      priorities: [Priority.LOW, Priority.HIGH],
      createdBefore: new Date("2026-01-31T09:00:00Z"),
      errorCategories: [ErrorCategory.RATE_LIMIT],
    });
    const hours = ((createdAfter?.getTime() ?? 0) - before) / 3_600_000;
    assert.ok(hours >= -2 && hours < -1.9, `${hours} hours`);
  });

  it("status shows the gateway's answer", async () => {
    const { code, stdout } = await at(["status"]);
    assert.equal(code, 0);
    assert.match(stdout, /gateway 1\.2\.3: you are alice \(tasks:read monitor:read\)/);
    const [status] = jsonLines((await at(["status", "--json"])).stdout);
    assert.deepEqual(status?.["gateway"], {
      version: "1.2.3",
      engines: ["fake"],
      maxPromptBytes: 1024,
      agentId: "alice",
      scopes: ["tasks:read", "monitor:read"],
    });
  });

  const codes: readonly (readonly [number, string, readonly string[], Record<string, string>])[] = [
    [1, "a task that failed", ["run", "fail"], {}],
    [1, "an internal error of CCSP", ["submit", "refuse:INTERNAL"], {}],
    [2, "a request that is refused as invalid", ["submit", "refuse:INVALID_FIELD"], {}],
    [3, "an expired token", ["list"], { CCSP_TOKEN: "expired" }],
    [3, "a missing scope", ["run", "refuse:SCOPE_MISSING"], {}],
    [4, "an unknown task", ["get", "nope"], {}],
    [4, "watching an unknown task", ["watch", "nope"], {}],
    [5, "a full queue", ["submit", "refuse:QUEUE_FULL"], {}],
    [2, "a prompt that is too large", ["submit", "refuse:MESSAGE_TOO_LARGE"], {}],
    [2, "a request id that another task has", ["submit", "refuse:REQUEST_ID_CONFLICT"], {}],
    [4, "an unknown conversation", ["submit", "refuse:CONVERSATION_NOT_FOUND"], {}],
    [7, "an emergency stop, where a retry does not help", ["submit", "refuse:SUBMIT_STOPPED"], {}],
    [7, "a budget that is used up", ["run", "refuse:BUDGET_EXHAUSTED"], {}],
  ];
  for (const [expected, what, args, env] of codes) {
    it(`end with ${expected} for ${what}`, async () => {
      const { code, stderr } = await at(args, { env });
      assert.equal(code, expected, stderr);
      assert.notEqual(stderr, "");
    });
  }

  it("say of a refused token of CCSP_TOKEN that it was this one, because a shell may have it for a program", async () => {
    const of = async (args: readonly string[]) => (await at(args)).stderr;
    assert.match(await of(["run", "refuse:SCOPE_MISSING"]), /^this was the token in CCSP_TOKEN; without it: /m);
    assert.match(await of(["run", "refuse:TOKEN_EXPIRED"]), /^this was the token in CCSP_TOKEN; /m);
    const words = ["run", "--label", "--tokens=1", "--", "refuse:TOKEN_EXPIRED"];
    assert.match(await of(words), /^this was the token in CCSP_TOKEN; /m);
    assert.doesNotMatch(await of(["run", "refuse:QUEUE_FULL"]), /CCSP_TOKEN/);
    const file = join(dir, "token");
    await writeFile(file, "another");
    assert.doesNotMatch(await of(["run", "refuse:SCOPE_MISSING", "--token-file", file]), /CCSP_TOKEN/);
  });

  it("end with 2 for putting back a task that did not fail, and with 0 for a failed task", async () => {
    const { stdout: id } = await at(["submit", "fail"]);
    assert.equal((await at(["retry", id.trim()])).code, 2);
    assert.equal((await at(["watch", id.trim()])).code, 1);
    assert.equal((await at(["retry", id.trim()])).stdout, `${id.trim()} QUEUED\n`);
  });

  it("end with 5 when nothing listens", async () => {
    const { code, stderr } = await at(["get", "x"], { env: { CCSP_GATEWAY: "127.0.0.1:1" } });
    assert.equal(code, 5, stderr);
    assert.match(stderr, /127\.0\.0\.1:1/);
  });

  it("run leaves the task running on Ctrl-C, says how to watch it again, and ends with 130", async () => {
    const { code, stderr } = await at(["run", "hang"], {
      terminal: true,
      onOutput: (_stdout, interrupt) => interrupt(),
    });
    assert.equal(code, 130);
    const [, id = ""] = /ccsp watch (task-\d+) --after 1/.exec(stderr) ?? [];
    assert.match((await at(["get", id])).stdout, /QUEUED/);
    await at(["cancel", id]);
  });

  it("run --cancel-on-interrupt cancels the task, waits for its end, and ends with 6", async () => {
    const { code, stderr } = await at(["run", "hang", "--cancel-on-interrupt"], {
      terminal: true,
      onOutput: (_stdout, interrupt) => interrupt(),
    });
    assert.equal(code, 6, stderr);
    assert.match(stderr, /ended CANCELLED: interrupted/);
  });

  it("run shows all text on a terminal as it comes, each message apart, and which text is taken back", async () => {
    const { stdout, stderr } = await at(["run", "told twice"], { terminal: true });
    assert.equal(stdout, "Let me look.\n\nhalf a \n\nhalf a PONG\n");
    assert.match(stderr, /tool Bash\n.*the text above is taken back/s);
    assert.equal((await at(["run", "hello world"], { terminal: true })).stdout, "hello world\n");
    assert.equal(
      (await at(["run", "silent"], { terminal: true })).stdout,
      "PONG\n",
      "an engine that sends all its text at the end",
    );
  });

  it("run and watch write only the answer to a pipe, as in the result, also when it was cached", async () => {
    for (const prompt of ["told twice", "cached", "silent"]) {
      const answer = prompt === "told twice" ? "half a PONG\n" : "PONG\n";
      assert.equal((await at(["run", prompt])).stdout, answer, prompt);
      const id = (await at(["submit", prompt])).stdout.trim();
      assert.equal((await at(["watch", id])).stdout, answer, prompt);
    }
    assert.equal((await at(["run", "cached"], { terminal: true })).stdout, "PONG\n");
    assert.equal((await at(["run", "fail"])).stdout, "", "the text of the answer that failed is not printed");
  });
});
