import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parseAllDocuments } from "yaml";
import { startFakeAgentService } from "./fake-agent-service.js";
import { FAILED_TASK } from "./fake-operator-service.js";
import { ccsp, type Invocation } from "./memory-io.js";
import { outputSchema } from "./output-schema.js";

const SCHEMA_FILE = new URL("../../../docs/cli-output.schema.json", import.meta.url);
const ESCAPE = String.fromCodePoint(0x1b);
const SHORT = FAILED_TASK.id.slice(-8);

/** The schema with each object closed, so that a field that it does not name is a fault here. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part)]));
  const isObject = "properties" in parts && parts["type"] === "object";
  return isObject ? { ...parts, additionalProperties: false } : parts;
}

interface Case {
  /** A command line that is split at spaces. TASK is a task of the fake gateway. */
  readonly line: string;
  /** What `-o name` prints. Absent: the command has no such format. */
  readonly name?: string | RegExp;
  /** What people see somewhere in the table. */
  readonly shows: RegExp;
  /** 0 when it is absent. */
  readonly code?: number;
}

const CASES: readonly Case[] = [
  { line: "submit hello", name: /^task-\d+$/, shows: /^task-\d+$/m },
  { line: "get TASK", name: "TASK", shows: /^state +SUCCEEDED$/m },
  { line: "list", name: /^task-\d+$/m, shows: /^ID +STATE +CLASS +ENGINE +AGE +RUNS\n/ },
  { line: "cancel FAILING", name: "FAILING", shows: /CANCELLED/ },
  { line: "cancel --state failed", shows: /^1 task matches$/m },
  { line: "retry --state failed --yes", shows: /^1 of 1 task put back$/m },
  { line: "explain TASK", shows: /^state +SUCCEEDED$/m },
  { line: "estimate", shows: /^starts in +1 s as likely as not/m },
  { line: "schedule put nightly 0_3_*_*_* x", name: "nightly", shows: /^ {2}next {2}20/m },
  { line: "schedule list", name: "nightly", shows: /^NAME +TIMES +TIME ZONE +NEXT +LAST +PROMPT\nnightly/ },
  {
    line: "status",
    shows:
      /^gateway 1\.2\.3: you are alice[^]*executor executor-2 does not answer: connect ECONNREFUSED\nno sandbox on executor-1 \(there is no bwrap\)[^]*alice +unknown +1 [^]*all is well\n\nnot shown: queue: needs the scope tasks:read-all \(role viewer or operator or admin\)/,
  },
  {
    line: "doctor",
    shows:
      /^STATE +CHECK +SUBJECT +FOUND\n[^]*fail +engines +login claude-code\/team +it is refused[^]*\n {5}mend: renew the login/,
    code: 1,
  },
  { line: "queue status", shows: /^ENGINE +CLASS +WAITING +OLDEST [^]*claude-code {2}normal +2 {2}2 min 5 s /m },
  { line: "queue list", name: FAILED_TASK.id, shows: new RegExp(`^ID +STATE [^]*\n${SHORT} +FAILED +low`) },
  { line: `queue get ${SHORT}`, name: FAILED_TASK.id, shows: /^error +529$/m },
  { line: `queue explain ${SHORT}`, shows: /^blocked by +paused$/m },
  { line: `queue cancel ${SHORT}`, name: FAILED_TASK.id, shows: /FAILED/ },
  { line: `queue retry ${SHORT}`, name: FAILED_TASK.id, shows: /FAILED/ },
  { line: `priority ${SHORT} low`, name: FAILED_TASK.id, shows: /FAILED low/ },
  { line: "pause engine/claude-code --why x", name: "engine/claude-code", shows: /maintenance/ },
  { line: "resume engine/claude-code", name: "engine/claude-code", shows: /is open again/ },
  {
    line: "adaptation --all",
    shows:
      /^adaptation is on: [^\n]*\nSUBJECT +WHAT +CHANGE +STATE +AGE +WHY\naccount\/claude-code\/team +gate +closed +in force +\S+ \S+ +near\naccount\/claude-code\/team +rate +setting to 7\.22\/min +over /,
  },
  {
    line: "limits list",
    name: "rate/agent/nightly",
    shows:
      /^LIMIT +IN FORCE +SETTING +UNTIL +BY +WHY\nrate\/agent\/nightly +10 starts\/min +any number +it is reset +ada +flood\n$/,
  },
  { line: "limits set rate/agent/nightly 10 --why flood", name: "rate/agent/nightly", shows: /10 starts\/min, by ada/ },
  { line: "limits reset rate/agent/nightly", name: "rate/agent/nightly", shows: /^rate\/agent\/nightly: 10 starts/ },
  { line: "clear low", shows: /^1 low task waits$/m },
  { line: "emergency stop --level kill --why x", shows: /^EMERGENCY STOP \(no-start\)/ },
  { line: "emergency resume --why x", shows: /is over/ },
  {
    line: "executor list",
    name: "executor-1\nexecutor-2",
    shows: /^EXECUTOR +STATE +ENGINE [^]*opencode +unknown +0 of 1[^]*executor-2 +does not answer/,
    code: 5,
  },
  {
    line: "executor runs",
    name: FAILED_TASK.id,
    shows: new RegExp(`^TASK +EXECUTOR [^]*\n${SHORT} +executor-1`),
    code: 5,
  },
  { line: "executor drain executor-1", name: "executor-1", shows: /1 run continues/ },
  { line: "executor slots executor-1 claude-code 2", name: "executor-1", shows: /1 of 2 claude-code running/ },
  { line: "executor probe executor-1", shows: /first text after 1 s/ },
  {
    line: "session list",
    name: "claude-code/team\nopencode",
    shows: /^SESSION +STATE +FOR +WORKED [^]*claude-code\/team +WAITING .*close https:\S+[^]*opencode +VALID/,
  },
  {
    line: "session confirm claude-code/team",
    name: "claude-code/team",
    shows: /does not work: Please run \/login \(WAITING\); its tasks stay paused/,
    code: 1,
  },
  { line: "session check opencode", name: "opencode", shows: /^opencode works \(VALID\)/ },
  { line: "certs init CERTS", shows: /^(made CCSP CA .* in|CCSP CA .* stays$)/m },
  {
    line: "certs issue queue --folder CERTS",
    name: /queue\/tls\.crt$/,
    shows: /^made spiffe:\/\/ccsp\/service\/queue in /,
  },
  {
    line: "certs show CERTS",
    name: /ca\.crt\n[^]*queue\/tls\.crt$/,
    shows: /^NAME +STATE +EXPIRES +FILE\nCA CCSP CA /,
  },
  { line: "token create --agent a", shows: /^ey/ },
  { line: "token revoke --agent a", shows: /^the tokens of a that were issued until now are revoked: / },
  { line: "key create --agent ci --name nightly --ttl 90d", shows: /^ccsp_4fTz0aBcDeFg_secret\n$/ },
  { line: "key rotate 4fTz0aBcDeFg --grace 0s", shows: /^ccsp_4fTz0aBcDeFg_secret\n$/ },
  { line: "key revoke 4fTz0aBcDeFg", name: "4fTz0aBcDeFg", shows: /^key 4fTz0aBcDeFg of ci is revoked: / },
  {
    line: "key list",
    name: "4fTz0aBcDeFg\n0123456789AB",
    shows:
      /^KEY +AGENT +STATE +LAST USE +EXPIRES +ALLOWS +NAME\n4fTz0aBcDeFg +ci +VALID +never +never +agent +nightly\n0123456789AB +ci +EXPIRED /,
  },
  {
    line: "budget list",
    name: "ci-day",
    shows:
      /^BUDGET +HOLDER +LIMIT +USED +SHARE +STATE +UNTIL +NOT COUNTED\nci-day +agent\/ci +\$20\.00 a day +\$19\.50 +97 % +warns +\S+ \S+ +1 of 12\n$/,
  },
  {
    line: "budget set ci-day --agent ci --usd 20",
    name: "ci-day",
    shows: /^ci-day of agent\/ci: \$20\.00 a day, 97 % used until \S+ \S+, it warns\nnot counted: 1 of 12 runs, /,
  },
  { line: "budget delete ci-day", name: "ci-day", shows: /^ci-day is deleted\n$/ },
  {
    line: "fleet",
    shows:
      /^fleet: 1 instance, 0 of 0 slots in use, 2 waiting, 0 parked\n\nSERVICE +INSTANCE +HEALTH +VERSION +UPTIME +CPU +MEMORY +RUNS +SEEN\nexecutor +executor-1 +late +0\.3\.0 +1 h +25 % +100 MiB +1\/2 +-\n\nexecutor executor-1 is late: no heartbeat for 45 s\n$/,
  },
  {
    line: "slo",
    shows:
      /^OBJECTIVE +TARGET +NOW +COUNTED +BUDGET LEFT +5 MIN +1 H +6 H +3 DAYS +BURN\navailability +99\.9 % +99\.95 % +10,000 +50 % +15\.0 +- +- +- +fast\n$/,
  },
  {
    line: "usage",
    shows:
      /^AGENT +MODEL +RUNS +FAILED +IN +OUT +COST +RUN TIME +WAIT +RUNS PER HOUR\nalice +- +1 +0 +0 +0 +\$0\.2500 +unknown +unknown +█/,
  },
  {
    line: "usage windows",
    name: "claude-code/team/five_hour\nopencode//usage",
    shows:
      /^ENGINE +ACCOUNT +WINDOW +STATE +USED +RESETS +RUNS OUT +RUNS\nclaude-code +team +five_hour +WARNING +93 % +unknown +lasts +3\nopencode +- +usage +UNKNOWN +about 31 % +unknown +unknown +0\n/,
  },
  {
    line: "usage forecast --metric requests --agent ci",
    shows:
      /^requests of agent ci in the next 1 h: 1,200\nband +600 to 2,400, in 80 % of the cases\n[^]*^last 2 h {6}▄█\nexpected +▄\nlow +▂\nhigh +█\n\nMODEL +AHEAD +MEAN ERROR +OF USAGE +VS LAST RATE +COMPARED\ndaily +1 h +360 +30 % +0\.50 +288/m,
  },
  {
    line: "alert list",
    name: "parked-events/1/2\nparked-events/1/2",
    shows:
      /^STATE +SEVERITY +AGE +RULE +SUMMARY\nFIRING +warning +- +parked-events +2 events of monitor are parked\nPENDING /,
  },
  {
    line: "alert rules",
    name: "parked-events",
    shows:
      /^RULE +SEVERITY +STATE +FIRES WHEN +WATCHES\nparked-events +warning +1 firing +> 0 for 2 min +parked_events\n/,
  },
  {
    line: "alert rules parked-events",
    name: "parked-events",
    shows: /^notifies +as the notification service decides$/m,
  },
  {
    line: "alert put parked-events --when >=3 --channel mail",
    name: "parked-events",
    shows: /^fires when +parked_events >= 3 for 2 min\nends +5 min after it no longer holds\n[^]*^notifies +mail$/m,
  },
  { line: "alert delete parked-events", name: "parked-events", shows: /^parked-events is the built-in rule again$/m },
  { line: "alert test parked-events", name: "parked-events/1/2", shows: /^sent: 2 events of monitor are parked$/m },
  {
    line: "alert silence --match rule=parked-events --for 2h --why x",
    name: "4f2c9a1b03de",
    shows: /^silence 4f2c9a1b03de holds until 2030-\S+ \S+; it matches 1 alert now$/m,
  },
  {
    line: "alert silences",
    name: "4f2c9a1b03de",
    shows: /^SILENCE +ENDS +ALERTS +WHO +WHY\n4f2c9a1b03de +2030-\S+ \S+ +rule=parked-events +ada +we know\n/,
  },
  { line: "alert unsilence 4f2c9a1b03de", name: "4f2c9a1b03de", shows: /has ended/ },
  {
    line: "alert signals",
    name: "disk_free_share\nparked_events",
    shows:
      /^METRIC +VALUE +LABELS +WHY UNKNOWN\ndisk_free_share +unknown +service +no heartbeat\nparked_events +2 +group=monitor/,
  },
  {
    line: "whoami",
    name: "alice",
    shows: /^you are alice\nproven by a token, until 2030\S+ \S+\nscopes: tasks:read-all /,
  },
];
/** Commands that follow something: a line of JSON for each event. */
const STREAMS = ["run hello", "run fail", "watch TASK", `queue log ${SHORT}`, `executor tail ${SHORT}`];

describe("The output of ccsp", () => {
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let certs: string;
  let ids: Readonly<Record<string, string>>;
  const ajv = addFormats
    .default(new Ajv2020({ allErrors: true, strict: false }))
    .addSchema(Object(closed(outputSchema())), "ccsp");

  const run = (line: string, invocation: Invocation = {}) => {
    const words = line.split(" ").map((word) => ids[word] ?? word.replaceAll("_", " "));
    const env = {
      CCSP_GATEWAY: gateway.target,
      CCSP_TOKEN: "a-token",
      CCSP_JWT_SECRET: "0123456789abcdef0123456789abcdef",
    };
    return ccsp(words, { ...invocation, env: { ...env, ...invocation.env } });
  };
  const jsonOf = async (line: string): Promise<unknown[]> => {
    const { stdout, stderr } = await run(line);
    assert.notEqual(stdout, "", stderr);
    return stdout
      .trimEnd()
      .split("\n")
      .map((each) => JSON.parse(each));
  };
  /** The name of the schema of a command: its words before the first argument. */
  const schemaOf = (line: string): string => {
    const [first = "", second = ""] = line.split(" ");
    const groups = [
      "alert",
      "budget",
      "certs",
      "emergency",
      "executor",
      "key",
      "limits",
      "queue",
      "schedule",
      "session",
      "token",
    ];
    const group = groups.includes(first) || ["usage windows", "usage forecast"].includes(`${first} ${second}`);
    return `ccsp#/$defs/ccsp-${group ? `${first}-${second}` : first}`;
  };
  const conforms = (schema: string, value: unknown) => {
    assert.ok(ajv.validate(schema, value), `${ajv.errorsText()}: ${JSON.stringify(value)}`);
  };

  before(async () => {
    gateway = await startFakeAgentService();
    ids = {};
    const idOf = async (line: string) => (await run(line)).stdout.trim();
    certs = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    ids = { CERTS: certs, TASK: await idOf("submit done"), FAILING: await idOf("submit x") };
    await run("watch TASK");
  });
  after(async () => {
    await rm(certs, { recursive: true });
    await gateway.close();
  });

  it("has the schema that is in docs, which make gen writes", async () => {
    assert.deepEqual(JSON.parse(await readFile(SCHEMA_FILE, "utf8")), outputSchema());
  });

  for (const { line, name, shows, code = 0 } of CASES) {
    it(`of ${line} is the same document in JSON and YAML, as its schema says, and has words for people`, async () => {
      const documents = await jsonOf(`${line} -o json`);
      for (const each of documents) conforms(schemaOf(line), each);
      const yaml = (await run(`${line} -o yaml`)).stdout;
      assert.ok(yaml.startsWith("---\n"), yaml);
      const same = parseAllDocuments(yaml).map((each): unknown => each.toJS());
      for (const each of same) conforms(schemaOf(line), each);
      // A submission, a token or a new certificate is another one each time, and so is what a host has free.
      if (!/^(submit|token|doctor|certs (init|issue))/.test(line)) assert.deepEqual(same, documents);
      const named = await run(`${line} -o name`);
      if (name === undefined)
        assert.match(named.stderr, /It must be one of table, wide, json, yaml\.|^ccsp: -o name is for one task/);
      else if (typeof name === "string") assert.equal(named.stdout, `${ids[name] ?? name}\n`);
      else assert.match(named.stdout.trimEnd(), name);
      assert.match((await run(line)).stdout, shows);
      assert.equal((await run(`${line} -o wide`)).code, code);
    });
  }

  for (const line of STREAMS) {
    it(`of ${line} is a line of JSON for each event, as its schema says`, async () => {
      const events = await jsonOf(`${line} -o json`);
      for (const each of events) conforms(schemaOf(line), each);
      assert.match((await run(`${line} -o yaml`)).stderr, /It must be one of table, json\./);
    });
  }

  it("of an export by attempt is what the service writes, asked with a step that earlier releases refuse", async () => {
    const { stdout } = await run("usage --export csv --by attempt");
    assert.match(stdout, /^end_time,agent,step 0\r\n/);
    assert.match((await run("usage --export csv")).stdout, /^start_time,agent\r\n/);
  });

  it("of usage says when the gateway or the monitor does not know the time zone that was asked for", async () => {
    assert.doesNotMatch((await run("usage --time-zone Asia/Tokyo")).stderr, /earlier release/);
    assert.match(
      (await run("usage --time-zone Europe/Berlin")).stderr,
      /the gateway or the monitor is of an earlier release: the time zone was not used/,
    );
  });

  it("is the same with --json, which excludes the other formats", async () => {
    assert.deepEqual(await jsonOf("get TASK --json"), await jsonOf("get TASK -o json"));
    assert.deepEqual(await jsonOf("get TASK --json --output=json"), await jsonOf("get TASK -ojson"));
    const { code, stderr } = await run("get TASK --json -o yaml");
    assert.deepEqual([code, /cannot be used with -o yaml/.test(stderr)], [2, true]);
  });

  it("of an error is JSON in every spelling of -o json", async () => {
    for (const spelling of ["--json", "-o json", "-ojson", "--output json", "--output=json"]) {
      const { code, stderr } = await run(`get nothing ${spelling}`);
      assert.equal(code, 4);
      conforms("ccsp#/$defs/error", JSON.parse(stderr));
    }
    assert.match((await run("get nothing -o yaml")).stderr, /^ccsp: /);
  });

  it("has a number for a 64-bit integer when it is exact, else a text, and zeros", async () => {
    const [status] = await jsonOf("queue status -o json");
    const { ended, leased, parked } = Object(status);
    assert.deepEqual({ ended, leased, parked }, { ended: "1152921504606846976", leased: 1, parked: 0 });
  });

  it("has colours on a terminal, but not in a pipe or with NO_COLOR, unless FORCE_COLOR asks for them", async () => {
    const coloured = async (terminal: boolean, env: Record<string, string>) =>
      (await run("queue list", { terminal, env })).stdout.includes(`${ESCAPE}[31mFAILED`);
    assert.equal(await coloured(true, {}), true);
    assert.equal(await coloured(false, {}), false);
    assert.equal(await coloured(true, { NO_COLOR: "1" }), false);
    assert.equal(await coloured(false, { FORCE_COLOR: "1" }), true);
    assert.equal(await coloured(true, { FORCE_COLOR: "0" }), false);
    assert.equal(await coloured(true, { TERM: "dumb" }), false);
  });

  it("fits the terminal, which has 80 columns when it does not say, and is not cut in a pipe", async () => {
    const widest = async (invocation: Invocation) => {
      const { stdout } = await run("schedule list", { ...invocation, env: { NO_COLOR: "1" } });
      return Math.max(...stdout.split("\n").map(({ length }) => length));
    };
    await run(`schedule put nightly 0_3_*_*_* ${"x".repeat(300)}`);
    assert.deepEqual([await widest({ terminal: true, columns: 100 }), await widest({ terminal: true })], [100, 80]);
    assert.ok((await widest({})) > 300);
  });
});
