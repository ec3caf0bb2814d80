import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, SCRIPTED_ENGINE } from "@ccsp/testkit";
import { ccsp, type Invocation } from "./memory-io.js";

describe("ccsp's commands for operators", function () {
  this.timeout(120_000);
  let dir: string;
  let env: Record<string, string>;
  let startSaid: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-operator-"));
    env = {
      PATH: process.env["PATH"] ?? "",
      USER: "ada",
      CCSP_STATE_DIR: dir,
      CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
      // As on a host without bubblewrap.
      CCSP_EXECUTOR_BWRAP_BIN: "no-such-bwrap",
      CCSP_CLAUDE_CODE_API_KEY: "fake-key",
      CCSP_EXECUTOR_SLOTS: "1",
      // No process waits, so the list of executors is the same each time.
      CCSP_EXECUTOR_WARM: "0",
      CCSP_EXECUTOR_KILL_GRACE: "1s",
      CCSP_QUEUE_GATE_RAMP: "1s",
    };
    const { code, stderr } = await ccsp("up --single --detach --ports free".split(" "), { env });
    assert.equal(code, 0, stderr);
    startSaid = stderr;
  });
  after(async () => {
    await ccsp(["down"], { env });
    await rm(dir, { recursive: true, force: true });
  });

  /** `line` is a command line that is split at spaces. Arguments with spaces follow in `more`. */
  const at = (line: string, ...more: string[]) => ccsp([...line.split(" "), ...more], { env });
  const ok = async (line: string, ...more: string[]): Promise<string> => {
    const { code, stdout, stderr } = await at(line, ...more);
    assert.equal(code, 0, `${line}: ${stderr}`);
    return stdout;
  };
  const submit = async (prompt: string, options = "") => (await ok(`submit ${options}`.trim(), prompt)).trim();
  const stateOf = async (id: string): Promise<string> => {
    const { state }: { state: string } = JSON.parse(await ok(`get ${id} --json`));
    return state.replace("TASK_STATE_", "");
  };
  const becomes = (id: string, state: string) =>
    eventually(async () => assert.equal(await stateOf(id), state), { timeoutMs: 45_000, what: `${id} to be ${state}` });

  it("emergency stop kills running tasks and refuses new ones, queue status shows it, and emergency resume ends it", async () => {
    const id = await submit("[[ignore-sigterm]][[hang]]");
    await becomes(id, "RUNNING");
    const stopped = await ok("emergency stop --level kill --why", "a prompt leaks");
    assert.match(
      stopped,
      /^EMERGENCY STOP \(kill\) by ada since .*: a prompt leaks\n {2}executor executor-1: 1 run ended, 0 left/,
    );
    await becomes(id, "CANCELLED");
    const refused = await at("submit no");
    assert.equal(refused.code, 7);
    assert.match(refused.stderr, /no task is accepted: emergency stop \(kill\) by ada: a prompt leaks/);
    assert.match(await ok("queue status"), /EMERGENCY STOP \(kill\)/);
    assert.match(await ok("emergency resume --why fixed"), /is over/);
    assert.match(await ok("emergency resume --why fixed"), /no emergency stop was in force/);
    assert.equal(await ok("run", "[[text:again]]"), "again\n");
  });

  it("pause keeps tasks of a scope waiting, priority changes the class of a task, and clear needs the token of its count", async () => {
    const paused = await ok("pause engine/claude-code --for 1h --why", "maintenance");
    assert.match(paused, /^engine\/claude-code: paused, until 20.*, by ada: maintenance\n$/);
    const [first, second] = [await submit("a", "--priority low"), await submit("b", "--priority low")];
    assert.match(await ok(`priority ${first} urgent`), /QUEUED urgent/);
    const status = await ok("queue status");
    for (const line of [
      /^PAUSED +UNTIL +BY +WHY\nengine\/claude-code  20\d\d-\S+ \S+  ada  maintenance$/m,
      /^ENGINE +CLASS +WAITING +OLDEST +RUNNING +FOR LATER +STATE$/m,
      /^claude-code  urgent +1 +\S+ s +0 +0  paused$/m,
      /^claude-code  low +1 +\S+ s +0 +0  paused$/m,
      /^AGENT +WAITING +RUNNING\nada +2 +0$/m,
      /^EXECUTOR +RUNNING +SLOTS +SEEN\nexecutor-1 +0  claude-code 1 +\d+ s$/m,
    ]) {
      assert.match(status, line);
    }
    const counted = await at("clear low");
    assert.equal(counted.stdout, "1 low task waits\n  agent ada: 1\n");
    const again = /ccsp (clear low --confirm \S+)/.exec(counted.stderr)?.[1] ?? "";
    assert.equal(await stateOf(second), "QUEUED");
    assert.match(await ok(again), /^1 low task cancelled/);
    assert.equal((await at(again)).code, 2, "a token is valid once");
    assert.equal(await stateOf(second), "CANCELLED");
    assert.match(await ok("resume engine/claude-code"), /is open again/);
    await becomes(first, "SUCCEEDED");
  });

  it("limits set bounds what starts until it is reset, list says who did it and why, and wrong ones are refused", async () => {
    const set = await ok("limits set rate/agent/nightly 0.5/900 --for 1h --why", "a test");
    assert.match(set, /^rate\/agent\/nightly: 0\.5 starts\/min, 900 tokens\/min, until 20.*, by ada: a test\n$/);
    await ok("limits set weight/class/low 3 --why", "a backlog");
    const listed = await ok("limits list");
    assert.match(listed, /^LIMIT +IN FORCE +SETTING +UNTIL +BY +WHY$/m);
    assert.match(
      listed,
      /^rate\/agent\/nightly +0\.5 starts\/min, 900 tokens\/min +any number +20\S+ \S+ +ada +a test$/m,
    );
    assert.match(listed, /^weight\/class\/high +16 *$/m);
    assert.match(listed, /^weight\/class\/low +3 +1 +it is reset +ada +a backlog$/m);
    assert.equal(await ok("limits reset weight/class/low"), "weight/class/low: 1, as the settings say\n");
    assert.equal(await ok("limits reset rate/agent/nightly -o name"), "rate/agent/nightly\n");
    const refusals: [string, RegExp][] = [
      ["limits set weight/class/low many --why x", /weight\/class\/low: write it as a whole number/],
      ["limits set rate/agent/a fast --why x", /write it as STARTS or STARTS\/TOKENS a minute/],
      ["limits set weight/class/urgent 1 --why x", /is not a limit: it must be weight\/class\/high/],
      ["limits set weight/class/low 99999 --why x", /must be 1 to 9999/],
    ];
    for (const [line, message] of refusals) {
      const { code, stderr } = await at(line);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  });

  it("queue status --watch shows the status again when it changes, until Ctrl-C", async () => {
    await ok("pause agent/nobody --why test");
    let resumed: Promise<unknown> | undefined;
    const watched = await ccsp(["queue", "status", "--watch"], {
      env,
      onOutput(stdout, interrupt) {
        if (stdout.includes("agent/nobody  it is resumed")) resumed ??= at("resume agent/nobody");
        const newest = stdout.slice(stdout.lastIndexOf("\nqueue: "));
        if (resumed && /\nexecutor-1 .*\n$/.test(newest) && !newest.includes("agent/nobody")) interrupt();
      },
    });
    await resumed;
    assert.equal(watched.code, 130, watched.stderr);
    assert.match(watched.stdout, /^\n20\S+ \S+\nqueue: 0 waiting, 0 running/);
    const json = await ccsp(["queue", "status", "--watch", "--json"], { env, onOutput: (_, interrupt) => interrupt() });
    const { depths }: { depths: unknown } = JSON.parse(json.stdout);
    assert.ok(Array.isArray(depths));
  });

  it("queue list, get, explain, log, cancel and retry work on any agent's task", async () => {
    const mine = { ...env, USER: "bob" };
    const submitted = await ccsp(["submit", "--label", "a=b", "--start-time", "1h", "[[text:x]]"], { env: mine });
    const id = submitted.stdout.trim();
    assert.equal((await at(`get ${id}`)).code, 4, "it is another agent's");
    const short = id.slice(-8);
    const listed = new RegExp(`^ID .* AGENT +PROMPT\n${short}  SCHEDULED  .*  a=b +bob +\\[\\[text:x\\]\\]\n$`);
    assert.match(await ok("queue list --agent bob"), listed);
    assert.match(await ok("queue list --label a=b --state failed,scheduled"), listed);
    assert.equal(await ok("queue list --agent bob -o name"), `${id}\n`);
    const none = await at("queue list --agent bob --state failed");
    assert.deepEqual([none.stdout, none.stderr], ["", "no tasks match these options\n"]);
    assert.match(await ok(`queue get ${short}`), /^agent {7}bob$/m);
    assert.match(
      await ok(`queue explain ${short}`),
      /0 of them of its agent\nblocked by {2}its start time has not come/,
    );
    const following = await ccsp(["queue", "log", id], { env, onOutput: (_, interrupt) => interrupt() });
    assert.equal(following.code, 130, following.stderr);
    assert.match(following.stdout, /^ {3}1 {2}20\S+ \S+ {2}attempt 0 {2}SCHEDULED until 20\S+ \S+\n$/);
    assert.equal(await ok(`queue cancel ${id} --reason flood`), `${id} CANCELLED\n`);
    assert.match(await ok(`queue log ${id}`), / {3}2 {2}20\S+ \S+ {2}attempt 0 {2}CANCELLED: flood\n$/);
    assert.equal((await at(`queue retry ${id}`)).code, 2, "it did not fail");

    const failed = (await ccsp(["submit", "[[fail:too-long]]"], { env: mine })).stdout.trim();
    assert.match(await ok(`queue log ${failed}`), /RUNNING\n[^]*FAILED: .+\n$/);
    assert.match(await ok(`queue retry ${failed}`), new RegExp(`^${failed} (QUEUED|LEASED|RUNNING|FAILED)\n$`));
  });

  it("cancel and retry count the tasks that their options name, and change them only with --yes", async () => {
    await ok("pause all --why maintenance");
    const ids = [await submit("a", "--label team=docs"), await submit("b", "--label team=docs")];
    const other = await submit("c");
    const count = await at("cancel --label team=docs");
    assert.deepEqual([count.stdout, count.stderr], ["2 tasks match\n", "nothing was changed: add --yes to do it\n"]);
    assert.equal(await ok("cancel --label team=docs --yes --reason flood"), "2 of 2 tasks cancelled\n");
    for (const id of ids) assert.equal(await stateOf(id), "CANCELLED");
    await ok("resume all");
    await becomes(other, "SUCCEEDED");

    const counter = join(dir, "runs");
    const failed = await submit(`[[text:done]][[first:2:${counter}]][[fail:too-long]]`);
    await becomes(failed, "FAILED");
    assert.equal(await ok("retry --error network_error --since 1d"), "0 tasks match\n");
    assert.equal(await ok("retry --agent ada --state failed"), "1 task matches\n");
    assert.equal(await ok("retry --agent ada --state failed --yes"), "1 of 1 task put back\n");
    await becomes(failed, "FAILED");
    assert.match(await ok(`retry ${failed}`), /QUEUED|LEASED|RUNNING/);
    await becomes(failed, "SUCCEEDED");
  });

  it("executor list, runs and tail show runs; slots and drain change how many may run", async () => {
    const id = await submit("[[text:so far so good]][[hang-mid]]");
    await becomes(id, "RUNNING");
    assert.match(
      await ok("executor list"),
      /^EXECUTOR +STATE +ENGINE +VERSION +RUNNING +WARM +LOGIN +SANDBOX +ADDRESS\nexecutor-1  ready  claude-code  \S+ +1 of 1 +0  in the run  no +127.0.0.1:\d+\n$/,
    );
    assert.match(
      await ok("executor runs"),
      new RegExp(`^TASK +EXECUTOR +ENGINE +PID +FOR\n${id.slice(-8)}  executor-1  claude-code +[1-9]\\d* +\\d+ s\n$`),
    );
    const tail = await ccsp(["executor", "tail", id.slice(-8)], {
      env,
      onOutput: (stdout, interrupt) => void (stdout.includes("so") && interrupt()),
    } satisfies Invocation);
    assert.equal(tail.code, 130, tail.stderr);
    assert.match(tail.stdout, /^so/);
    assert.equal(await ok("executor slots executor-1 claude-code 2"), "executor-1: 1 of 2 claude-code running\n");
    assert.equal(await ok("run", "[[text:beside]]"), "beside\n");
    assert.equal(await ok("executor drain executor-1"), "executor-1 takes no more work; 1 run continues\n");
    assert.match(await ok("executor list"), /draining/);
    assert.match(await ok("executor drain executor-1 --undo"), /takes work again/);
    assert.match(await ok("executor probe executor-1"), /^answered: first text after /);
    await ok(`cancel ${id}`);
    await becomes(id, "CANCELLED");
  });

  it("session list shows each login; check and confirm send the shortest prompt with it", async () => {
    await eventually(async () => {
      assert.match(await ok("session list"), /^SESSION +STATE +FOR [^]*\nclaude-code +(UNPROVEN|VALID) /);
    });
    assert.equal(await ok("session check claude-code"), "claude-code works (VALID)\n");
    assert.equal(await ok("session confirm claude-code"), "claude-code works (VALID)\n");
    const { proof }: { proof: string } = JSON.parse(await ok("session list --json"));
    assert.equal(proof, "probe");
    const { code, stderr } = await at("session check claude-code/nobody");
    assert.equal(code, 4, stderr);
    assert.match(stderr, /knows no session of "claude-code\/nobody"/);
  });

  it("up warns of root, and only of root", () => {
    assert.equal(
      /^warning: you are root, .*Start the fleet as an ordinary user/m.test(startSaid),
      process.getuid?.() === 0,
    );
  });

  it("up and status say why runs have no sandbox", async () => {
    const line = /no sandbox on executor-1 \(there is no no-such-bwrap: install bubblewrap, or name it in CCSP_\w+\): /;
    assert.match(startSaid, new RegExp(`^warning: ${line.source}`, "m"));
    assert.match(await ok("status"), new RegExp(`^${line.source}`, "m"));
    const { executors }: { executors: readonly { sandbox: object }[] } = JSON.parse(await ok("status -o json"));
    assert.equal(Object(executors[0]?.sandbox).confined, false);
  });

  /** The environment of somebody with a token of this role, who has no secret. */
  const having = async (role: string) => {
    const { CCSP_TOKEN: _, ...rest } = env;
    return { ...rest, CCSP_TOKEN: (await ok(`token create --agent eve --role ${role}`)).trim() };
  };

  it("show and do what the role of the token allows, and name the roles that allow more", async () => {
    const id = await submit("[[text:secret]]");
    await becomes(id, "SUCCEEDED");
    const viewer = await having("viewer");
    const asViewer = (line: string) => ccsp(line.split(" "), { env: viewer });
    assert.match((await asViewer("queue list --limit 1")).stdout, /AGENT\n/, "no column of prompts");
    const seen = await asViewer(`queue get ${id}`);
    assert.match(seen.stdout, /^state +SUCCEEDED$/m);
    assert.doesNotMatch(seen.stdout, /secret/);
    assert.match(await ok(`queue get ${id}`), /secret/);
    const refused = await asViewer("pause all --why x");
    assert.equal(refused.code, 3);
    assert.match(
      refused.stderr,
      /^ccsp: .*lacks the scope queue:manage\nthis was the token in CCSP_TOKEN; .*\nqueue:manage is in the role operator or admin; for such a token:\n {2}ccsp token create --agent NAME --role operator\n$/,
    );
    const { error } = Object(JSON.parse((await asViewer("pause all --why x --json")).stderr));
    assert.deepEqual([error.reason, error.metadata.scope], ["SCOPE_MISSING", "queue:manage"]);
    const me = await asViewer("whoami");
    assert.match(
      me.stdout,
      /^you are eve\nproven by a token, until 20\S+ \S+\nscopes: tasks:read-all monitor:read \(role viewer\)\n$/,
    );

    const agent = await ccsp(["status"], { env: await having("agent") });
    assert.equal(agent.code, 0, agent.stderr);
    assert.match(
      agent.stdout,
      /^not shown: queue: needs the scope tasks:read-all \(role viewer or operator or admin\)$/m,
    );
    assert.match(
      agent.stdout,
      /^not shown: executors, usage, notifications: needs the scope monitor:read \(role viewer/m,
    );
  });

  it("have the name of the token, whatever --who was", async () => {
    const { stdout } = await ccsp(["pause", "agent/nobody", "--why", "x", "-o", "json"], {
      env: await having("operator"),
    });
    assert.equal(Object(JSON.parse(stdout)).who, "eve");
    await ok("resume agent/nobody");
  });

  it("emergency stop and status reach the queue of the local fleet when its gateway does not answer", async () => {
    const file = join(dir, "fleet.json");
    const fleet = await readFile(file, "utf8");
    await writeFile(file, JSON.stringify({ ...Object(JSON.parse(fleet)), gateway: "127.0.0.1:1" }));
    try {
      const stopped = await at("emergency stop --level no-submit --why leak");
      assert.equal(stopped.code, 0, stopped.stderr);
      assert.match(
        stopped.stderr,
        /^no gateway could be reached at [^\n]*: calling the queue directly at static:\/\/\/127\./,
      );
      assert.match(stopped.stdout, /^EMERGENCY STOP \(no-submit\) by ada/);
      const status = await at("status");
      assert.equal(status.code, 5);
      assert.match(status.stdout, /^gateway: no gateway could be reached[^]*\nqueue: 0 waiting[^]*\nEMERGENCY STOP/);
    } finally {
      await writeFile(file, fleet);
    }
    await ok("emergency resume --why fixed");
  });

  it("emergency stop never stops the local fleet in place of another installation", async () => {
    const line = "emergency stop --level kill --why leak --gateway 127.0.0.1:1";
    const { code, stderr } = await ccsp(line.split(" "), { env: { ...env, CCSP_TOKEN: "t" } });
    assert.equal(code, 5);
    assert.match(
      stderr,
      /to call the queue directly, name the queue \(--queue, or CCSP_QUEUE_TARGET\) and an operator/,
    );
    assert.doesNotMatch(await ok("queue status"), /EMERGENCY/);
  });

  it("report an error in a command line, and end with the code in --help", async () => {
    const wrong = async (line: string, code: number, message: RegExp, more: Record<string, string> = {}) => {
      const outcome = await ccsp(line.split(" "), { env: { ...env, ...more } });
      assert.match(outcome.stderr, message);
      assert.equal(outcome.code, code, line);
    };
    await wrong("pause everything --why x", 2, /Write it as all, class\/high/);
    await wrong("pause engine/nothing --why x", 2, /must be one of claude-code/);
    await wrong("emergency stop --level some --why x", 2, /must be one of no-submit, no-start, park-running, kill/);
    await wrong("emergency stop --level kill", 2, /--why/);
    await wrong("cancel", 2, /name either one task, or tasks by options/);
    await wrong("priority 0-01k00000000000000000000000 low", 4, /no such task/);
    for (const each of ["get", "explain", "log", "cancel", "retry"]) {
      await wrong(`queue ${each} 0-01k00000000000000000000000`, 4, /no such task/);
    }
    await wrong("queue list --limit 0", 2, /whole number from 1/);
    await wrong("executor drain nobody", 4, /no executor of this id; there is executor-1/);
    await wrong("executor tail 0-01k00000000000000000000000", 4, /no executor runs/);
    await wrong("session check nope", 4, /knows no session of "nope"\n/);
    await wrong("alert put x", 2, /--when is missing/);
    await wrong("alert put x --when >1 --metric nope", 2, /--metric is not known. Known are /);
    await wrong("alert test nope", 4, /there is no rule nope\n/);
    await wrong("alert delete usage-80", 4, /the rule usage-80 is built in and was not changed/);
    await wrong("notify list --channel nope", 4, /there is no channel named nope: the channels are /);
    await wrong("notify list --channel nope --state waiting", 4, /there is no channel named nope/);
    await wrong("notify preview /nope", 2, /the notice \/nope: there is no such file/);
    await wrong("queue status --gateway 127.0.0.1:1", 5, /127.0.0.1:1/, { CCSP_TOKEN: "t" });
    await wrong("queue status --watch --gateway 127.0.0.1:1", 5, /127.0.0.1:1/, { CCSP_TOKEN: "t" });
    const elsewhere = await ccsp(["queue", "status"], { env: { CCSP_STATE_DIR: join(dir, "empty") } });
    assert.deepEqual([elsewhere.code, /name one with --gateway/.test(elsewhere.stderr)], [5, true]);
    const removed = [
      ["queue status --queue 127.0.0.1:1", /--queue is gone: commands for operators go to the gateway now/],
      ["executor list --executors 127.0.0.1:1", /--executors is gone: commands for operators go to the gateway/],
      ["pause all --why x --who ada", /--who is gone: the name comes from the token now: `ccsp whoami`/],
    ] as const;
    for (const [line, message] of removed) {
      await wrong(line, 2, message);
      await wrong(`${line} --json`, 2, message);
    }
  });

  it("print JSON with --json, errors too", async () => {
    const parsed = async (line: string): Promise<Record<string, unknown>> => JSON.parse(await ok(line));
    assert.ok(Array.isArray((await parsed("queue status --json"))["depths"]));
    assert.equal((await parsed("executor list --json"))["executorId"], "executor-1");
    assert.deepEqual(await parsed("resume all --json"), { resumed: false });
    assert.deepEqual(await parsed("resume account/claude-code/ --json"), { resumed: false });
    const { stderr } = await at("pause engine/nothing --why x --json");
    const { error }: { error: { reason: string } } = JSON.parse(stderr);
    assert.equal(error.reason, "INVALID_FIELD");
  });

  it("key makes a key that works in place of a token, from a file too, until it is revoked", async () => {
    const made = await at("key create --agent ci --name", "nightly build");
    assert.match(made.stdout, /^ccsp_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\n$/);
    assert.match(made.stderr, /^key \w+ of ci, valid until it is revoked\nIt is not shown again/);
    const file = join(dir, "ci.key");
    await writeFile(file, made.stdout);
    assert.match(await ok(`whoami --token-file ${file}`), /^you are ci\nproven by an API key, which does not expire\n/);
    const byVariable = await ccsp(["whoami", "-o", "name"], { env: { ...env, CCSP_TOKEN: made.stdout.trim() } });
    assert.equal(byVariable.stdout, "ci\n");
    const id = made.stdout.split("_")[1] ?? "";
    await eventually(async () => assert.match(await ok("key list"), new RegExp(`${id} +ci +VALID +\\d+ s ago +never`)));
    const denied = await at(`key list --token-file ${file}`);
    assert.equal(denied.code, 3);

    const rotated = await ok(`key rotate ${id} --grace 0s`);
    assert.equal((await at(`whoami --token-file ${file}`)).code, 3);
    await writeFile(file, rotated);
    await ok(`whoami --token-file ${file}`);
    assert.match(await ok(`key revoke ${id}`), /is revoked/);
    const refused = await at(`whoami --token-file ${file}`);
    assert.deepEqual([refused.code, /revoked/.test(refused.stderr)], [3, true], refused.stderr);
    assert.match(await ok("key list --agent ci"), / REVOKED /);
    assert.equal((await at("key revoke 000000000000")).code, 4);
  });

  it("token revoke ends one token from a file or standard input, or all tokens of an agent", async () => {
    const token = async () => ok("token create --agent dana");
    const file = join(dir, "dana.token");
    const isRefused = async () => assert.equal((await at(`whoami --token-file ${file}`)).code, 3);
    await writeFile(file, await token());
    await ok(`whoami --token-file ${file}`);
    await ok(`token revoke ${file}`);
    await isRefused();
    await writeFile(file, await ok("token create --agent dana --ttl 2h"));
    await ok(`whoami --token-file ${file}`);
    await ok("token revoke --agent dana");
    await isRefused();
    for (const line of ["token revoke", `token revoke ${file} --agent dana`]) assert.equal((await at(line)).code, 2);
    assert.match((await at(`token revoke ${join(dir, "ci.key")}`)).stderr, /API key/);
  });
});
