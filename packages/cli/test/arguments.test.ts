import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, jwtVerify } from "jose";
import { ccsp } from "./memory-io.js";

const COMMANDS = [
  "init",
  "up",
  "down",
  "logs",
  "status",
  ...["list", "allow", "forget"].map((name) => `folders ${name}`),
  "run",
  "submit",
  "watch",
  "get",
  "list",
  "cancel",
  "retry",
  "explain",
  "trace",
  "estimate",
  "schedule put",
  "schedule list",
  "schedule delete",
  ...["status", "list", "get", "explain", "log", "cancel", "retry"].map((name) => `queue ${name}`),
  ...["emergency stop", "emergency resume", "pause", "resume", "priority", "clear"],
  ...["list", "set", "reset"].map((name) => `limits ${name}`),
  "adaptation",
  ...["list", "runs", "tail", "drain", "slots", "probe"].map((name) => `executor ${name}`),
  ...["init", "issue", "show"].map((name) => `certs ${name}`),
  ...["create", "list", "rotate", "revoke"].map((name) => `key ${name}`),
  ...["list", "rules", "put", "delete", "test"].map((name) => `alert ${name}`),
  ...["silence", "silences", "unsilence", "signals"].map((name) => `alert ${name}`),
  ...["set", "list", "delete"].map((name) => `budget ${name}`),
  ...["token create", "token revoke", "usage", "usage windows", "usage forecast", "whoami", "open"],
];

describe("ccsp's arguments", () => {
  let dir: string;
  let env: Record<string, string>;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    env = { CCSP_STATE_DIR: dir };
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("are explained with exit codes and first steps by --help", async () => {
    const { code, stdout } = await ccsp(["--help"]);
    assert.equal(code, 0);
    for (const line of ["Exit codes:", "130  interrupted", "First steps:"]) assert.ok(stdout.includes(line), line);
  });

  for (const command of COMMANDS) {
    it(`of ${command} are explained, --json among them`, async () => {
      const { code, stdout } = await ccsp([...command.split(" "), "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, /--json/);
      assert.match(stdout, /Examples?:/);
    });
  }

  for (const command of [
    "",
    ...COMMANDS,
    "completion",
    "executor",
    "queue",
    "schedule",
    "folders",
    "emergency",
    "certs",
    "key",
    "budget",
    "token",
    "login",
    "logout",
  ]) {
    it(`of ${command || "ccsp itself"} are explained in 80 columns`, async () => {
      const { stdout } = await ccsp([...command.split(" ").filter(Boolean), "--help"]);
      assert.deepEqual(
        stdout.split("\n").filter((line) => line.length > 80),
        [],
      );
    });
  }

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ["an unknown command", "ru", /^ccsp: unknown command 'ru'/],
    ["help about an unknown command", "help ru", /^ccsp: unknown command 'ru'/],
    [
      "no prompt",
      "run",
      /^ccsp: there is no prompt: standard input is empty; give it as the argument, with --prompt-file, or/,
    ],
    ["a state with a slip", "list --state queued,Faild", /EXPIRED\.\n\(Did you mean failed\?\)\n/],
    ["a class with a slip", "run x --priority urgnt", /low\.\n\(Did you mean urgent\?\)\n/],
    ["a class with a slip as an argument", "clear hgh", /low\.\n\(Did you mean high\?\)\n/],
    ["a command with a slip below one that does something itself", "usage forcast", /\n\(Did you mean forecast\?\)\n/],
    [
      "a budget with two holders",
      "budget set b --engine e --model m --usd 1",
      /give one holder: --agent ID, .*--model/,
    ],
    ["a budget of an account without a name", "budget set b --account e --usd 1", /ENGINE\/ACCOUNT, or use --engine/],
    ["attempts without an export", "usage --by attempt", /--by attempt stands alone, and needs --export/],
    ["attempts by agent", "usage --export csv --by attempt,agent", /--by attempt stands alone, and needs --export/],
    ["an offset as a time zone", "usage --time-zone +02:00", /Write it as an IANA name, such as Asia\/Tokyo or UTC\./],
    ["no slots at all", "executor slots executor-1 claude-code 0", /`ccsp executor drain` stops the executor/],
    ["an unknown option", "list --al", /unknown option '--al'/],
    ["an unknown priority", "submit x --priority soon", /Allowed choices are urgent, high, normal, low/],
    ["a number that is not whole", "run x --turns 1.5", /whole number/],
    ["a negative number", "watch x --after -1", /whole number/],
    ["a limit of zero", "list --limit 0", /whole number from 1/],
    ["a time without a unit", "run x --timeout 90", /Write it as 90s/],
    ["a text instead of a number", "run x --turns many", /not a number/],
    ["a label without a value", "run x --label team", /key=value/],
    ["an unknown state", "list --state happy", /must be one of SCHEDULED/],
    [
      "an unknown state among others",
      "list --state queued,happy",
      /'queued,happy' is invalid. It must be one of SCHEDULED/,
    ],
    ["an unknown category", "list --error tired", /must be one of UNKNOWN_ERROR/],
    ["an unknown class", "list --priority soon", /must be one of urgent, high, normal, low/],
    ["a text instead of a time", "list --since 2026-13-40", /2026-01-31T09:00Z/],
    ["a time without a unit", "list --until 90", /Write it as 2026-01-31T09:00Z, or as 2h/],
    ["a text instead of a start time", "run x --start-time soon", /Write it as 2026-01-31T09:00Z, or as 2h/],
    ["a start time in too many digits", "run x --start-time 20000-01-01T00:00Z", /Write it as 2026-01-31T09:00Z/],
    ["a start time on a day that does not exist", "run x --start-time 2030-13-40", /in two hours/],
    ["a fallback without an executor", "run x --fallback-after 1m", /--fallback-after needs --executor/],
    ["a fork without a conversation", "run x --fork", /--fork needs/],
    ["a fork of a new conversation", "run x --conversation new --fork", /--fork needs/],
    ["a missing file", "run x --attach /nowhere", /^ccsp: --attach \/nowhere: there is no such file$/m],
    ["a schedule without times", "schedule put nightly", /missing required argument 'cron'/],
    ["a start time of a schedule", "schedule put a b c --start-time 1h", /unknown option '--start-time'/],
    ["an unknown way to handle missed runs", "schedule put a b c --missed never", /skip, run-once, run-all/],
    ["two sources of a token", "get x --token a --token-file b", /cannot be used with/],
    [
      "a missing token file",
      "get x --gateway 127.0.0.1:1 --token-file /nowhere",
      /^ccsp: --token-file \/nowhere: there is no such file$/m,
    ],
    ["an empty token file", "get x --gateway 127.0.0.1:1 --token-file /dev/null", /no token in \/dev\/null/],
    ["an empty standard input for the token", "get x --gateway 127.0.0.1:1 --token -", /no token in standard input/],
    ["replicas of an unknown service", "up --replicas web=2", /service of gateway/],
    ["replicas in one process", "up --single --replicas queue=2", /cannot be used with/],
    ["a token that is valid for no time", "token create --agent a --ttl 0s", /shorter than a second/],
    ["a token without an agent", "token create", /required option '--agent <id>'/],
    ["a token for a name that is not an agent id", "token create --agent a/b", /not an agent id/],
    [
      "a token for a name of a person",
      "token create --agent oidc.ann",
      /begins with oidc\.: such names are for people/,
    ],
    [
      "an API key for a name of a person",
      "key create --agent oidc.ann",
      /begins with oidc\.: such names are for people/,
    ],
    ["an unknown scope", "token create --agent a --scope all", /must be one of tasks:submit/],
    ["no secret to sign with", "token create --agent a", /no secret at/],
    ["no log to show", "logs", /no log at/],
  ];
  for (const [what, line, message] of wrong) {
    it(`end with 2 and a message for ${what}`, async () => {
      const { code, stdout, stderr } = await ccsp(line.split(" "), { env });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    });
  }

  it("end with 2 for a prompt and a token on the same standard input", async () => {
    const { code, stderr } = await ccsp("run - --gateway 127.0.0.1:1 --token -".split(" "), { env, stdin: "both" });
    assert.equal(code, 2);
    assert.match(stderr, /standard input was the prompt already/);
  });

  it("are followed by where to find examples, for every command", async () => {
    for (const line of ["ru", "run --turns many", "token create"]) {
      assert.match((await ccsp(line.split(" "), { env })).stderr, /--help for examples/);
    }
  });

  it("show a default as it would be written", async () => {
    assert.match((await ccsp(["token", "create", "--help"])).stdout, /\(default:\s+1h\)/);
  });

  it("show the version", async () => {
    const { code, stdout } = await ccsp(["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  for (const line of ["status", "get x", "run x", "list --token t"]) {
    it(`of ${line} end with 5, saying how to get a fleet, when none runs and none is named`, async () => {
      const { code, stdout, stderr } = await ccsp(line.split(" "), { env });
      assert.equal(code, 5, stderr);
      assert.match(
        stderr,
        /^ccsp: no fleet runs here: start one with `make up` or `ccsp up`, or name one with --gateway/,
      );
      assert.equal(stdout, "");
    });
  }

  it("end with 3, and name the sources of a token, when there is none", async () => {
    const { code, stderr } = await ccsp(["list", "--gateway", "127.0.0.1:1"], { env });
    assert.equal(code, 3);
    assert.match(stderr, /--token-file or CCSP_TOKEN/);
  });

  it("print errors as JSON with --json", async () => {
    const lines: readonly (readonly [string, RegExp])[] = [
      ["list --json --gateway 127.0.0.1:1", /no token/],
      ["list --json", /no fleet runs here/],
      ["list --json --al", /unknown option '--al'/],
      ["run --json", /there is no prompt/],
      ["get --json", /missing required argument/],
      ["run x --json --turns many", /argument 'many' is invalid/],
    ];
    for (const [line, message] of lines) {
      const { stdout, stderr } = await ccsp(line.split(" "), { env });
      const { error }: { error: { message: string } } = JSON.parse(stderr);
      assert.match(error.message, message);
      assert.equal(stdout, "");
    }
  });

  it("create a token for the requested agent, scopes and time", async () => {
    const secretFile = join(dir, "secret");
    await writeFile(secretFile, "a secret of this test and of nothing else\n");
    const line = "token create --agent ci --scope tasks:read --scope tasks:submit --ttl 2h --secret-file";
    const { code, stdout } = await ccsp([...line.split(" "), secretFile], { env });
    assert.equal(code, 0);
    const { sub, scope, aud, exp = 0, iat = 0 } = decodeJwt(stdout.trim());
    assert.deepEqual(
      { sub, scope, aud, ttl: exp - iat },
      {
        sub: "ci",
        scope: "tasks:read tasks:submit",
        aud: "ccsp",
        ttl: 7200,
      },
    );
  });

  it("give a token the scopes of an agent, or those of the role and more that they name", async () => {
    const scopesOf = async (...access: readonly string[]) => {
      const secret = { CCSP_JWT_SECRET: "another secret of this test and of nothing else" };
      const { stdout } = await ccsp(["token", "create", "--agent", "a", ...access], { env: { ...env, ...secret } });
      return decodeJwt(stdout.trim())["scope"];
    };
    assert.equal(await scopesOf(), "tasks:submit tasks:read tasks:cancel");
    assert.equal(await scopesOf("--scope", "audit:read"), "audit:read");
    assert.equal(await scopesOf("--role", "viewer"), "tasks:read-all monitor:read");
    const more = ["--scope", "Monitor:Read", "--scope", "audit:read"];
    assert.equal(await scopesOf("--role", "viewer", ...more), "tasks:read-all monitor:read audit:read");
  });

  it("create a token with the gateway settings in the environment, as the other commands do", async () => {
    const secret = "another secret of this test and of nothing else";
    const settings = { CCSP_JWT_SECRET: secret, CCSP_JWT_AUDIENCE: "here", CCSP_JWT_ISSUER: "me" };
    const { code, stdout, stderr } = await ccsp(["token", "create", "--agent", "ci"], { env: { ...env, ...settings } });
    assert.equal(code, 0, stderr);
    const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(secret));
    assert.deepEqual({ aud: payload.aud, iss: payload.iss }, { aud: "here", iss: "me" });
  });

  it("of logs show no line when zero lines are requested", async () => {
    await writeFile(join(dir, "fleet.log"), "one\ntwo\n");
    assert.match((await ccsp(["logs", "-n", "1"], { env })).stdout, /two\n$/);
    assert.equal((await ccsp(["logs", "-n", "0"], { env })).stdout, "");
    await rm(join(dir, "fleet.log"));
  });

  it("refuse a secret that HS256 cannot use", async () => {
    const secretFile = join(dir, "short");
    await writeFile(secretFile, "short");
    const { code, stderr } = await ccsp(["token", "create", "--agent", "a", "--secret-file", secretFile], { env });
    assert.equal(code, 2);
    assert.match(stderr, /shorter than the 32 bytes/);
  });

  it("of down do nothing and succeed when no fleet runs", async () => {
    const { code, stdout } = await ccsp(["down", "--json"], { env });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { stopped: null });
  });
});
