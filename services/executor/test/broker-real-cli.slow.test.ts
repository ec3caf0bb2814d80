import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, CLAUDE_CODE_VERSION, createAuthority, type RecordedRequest, skip } from "@ccsp/testkit";
import { type Rig, resultOf, useSimulatedCli } from "./rig.js";

const KEY = "sk-ant-api03-fake-key-of-a-test";
const TOKEN = "sk-ant-oat01-fake-token-of-a-test";
const [PROVIDER, LOGIN] = ["api.anthropic.com", "platform.claude.com"];

/** Looks for a secret where a tool of a run can look. Its own command has the secret in two halves. */
const search = (secret: string): string => {
  const half = Math.floor(secret.length / 2);
  const words = `a=${secret.slice(0, half)}; b=${secret.slice(half)}; w=$a$b`;
  const files = 'grep -rslF "$w" ~ . /tmp /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null';
  const script = `${words}; { env | grep -cF "$w"; ${files}; } | grep -v '^0$' | head -c 300; echo over`;
  // Quotes would end the marker of the simulator.
  return `echo ${Buffer.from(script).toString("base64")} | base64 -d | bash`;
};

describe("the real Claude Code CLI with the provider's own name", function () {
  this.timeout(120_000);
  const { simulator, withCli } = useSimulatedCli();
  let dir: string;
  let authority: Authority;
  let proxy: string;
  /** The answers of the host of logins, and what it was asked. */
  const logins = { asked: [] as string[], answer: (): object => ({}) };
  /** The provider refuses a request with this login. */
  let revoked = "none";
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  const listen = async (server: Server): Promise<number> => {
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    return (server.address() as AddressInfo).port;
  };

  before(async function () {
    authority = await createAuthority(this);
    dir = await mkdtemp(join(tmpdir(), "ccsp-broker-real-"));
    await mkdir(join(dir, "public"));
    await writeFile(join(dir, "public", "ca.pem"), authority.ca);
    const certified = async (name: string) => {
      const { key, certificate: cert } = await authority.issue(name);
      return { key, cert };
    };
    // The provider under its own name: it passes on what it gets to the simulator.
    const provider = createHttpsServer(await certified(PROVIDER), (asked, response) => {
      const { method, url: path, headers } = asked;
      if (headers.authorization === `Bearer ${revoked}`) {
        const error = { type: "authentication_error", message: "revoked" };
        asked.resume();
        response.writeHead(401, { "content-type": "application/json" }).end(JSON.stringify({ type: "error", error }));
        return;
      }
      const sent = httpRequest({ host: "127.0.0.1", port: simulator().port, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      sent.on("error", () => response.destroy());
      asked.pipe(sent);
    });
    const login = createHttpsServer(await certified(LOGIN), (asked, response) => {
      logins.asked.push(`${asked.method} ${asked.url}`);
      asked.resume();
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(logins.answer()));
    });
    const ports = new Map([
      [`${PROVIDER}:443`, await listen(provider)],
      [`${LOGIN}:443`, await listen(login)],
    ]);
    // The operator's proxy: it knows these names and no other.
    const operator = createServer();
    operator.on("connect", ({ url }, socket: Socket) => {
      const port = ports.get(url ?? "");
      if (port === undefined) {
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
        return;
      }
      const remote = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        socket.pipe(remote).pipe(socket);
      });
      remote.on("error", () => socket.destroy());
    });
    proxy = `http://127.0.0.1:${await listen(operator)}`;
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await authority?.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** What a request is, but for what each request has of its own. */
  const shapeOf = ({ method, path, headers, key, model, prompt, tools }: RecordedRequest) => {
    const named = Object.keys(headers).filter(
      (name) => !/^(?:connection|host|content-length|transfer-encoding)$/.test(name),
    );
    return { method, path, names: named.toSorted(), beta: headers["anthropic-beta"], key, model, prompt, tools };
  };

  for (const [what, secret, line] of [
    ["a key", KEY, `ANTHROPIC_API_KEY=${KEY}`],
    ["a token", TOKEN, `CLAUDE_CODE_OAUTH_TOKEN=${TOKEN}`],
  ] as const) {
    it(`sends the same with ${what} in the run or at the broker, gets the same, and only in the run a tool finds it`, async () => {
      const file = join(dir, "engine.env");
      const lines = [
        line,
        `HTTPS_PROXY=${proxy}`,
        `NODE_EXTRA_CA_CERTS=${join(dir, "public", "ca.pem")}`,
        "IS_SANDBOX=1",
      ];
      await writeFile(file, `${lines.join("\n")}\n`);
      const tried = async (broker: "off" | "required") => {
        simulator().reset();
        let found = "";
        let same = {};
        await withCli(
          async (rig: Rig) => {
            const input = JSON.stringify({ command: search(secret), description: "searches" });
            const prompt = `[[sim:window reset=60]][[sim:tool name=Bash input='${input}']] [[sim:text value="well"]]`;
            const ended = await rig.ended(rig.queue.add(prompt, { allowedTools: ["Bash"] }));
            assert.ok(ended.how === "complete");
            const { result, windows } = ended.request;
            const requests = simulator().requests.filter(({ method }) => method === "POST");
            assert.deepEqual([...new Set(requests.map(({ key }) => key))], [secret]);
            found = requests.flatMap(({ toolResults }) => toolResults).join("\n");
            const told = windows.map(({ name, state }) => ({ name, state }));
            same = { text: result?.text, usage: result?.usage, told, requests: requests.map(shapeOf) };
          },
          {
            CCSP_CLAUDE_CODE_BASE_URL: "",
            CCSP_CLAUDE_CODE_API_KEY: "",
            CCSP_CLAUDE_CODE_ENV_FILE: file,
            CCSP_EXECUTOR_SANDBOX: "required",
            CCSP_EXECUTOR_SANDBOX_READ: join(dir, "public"),
            CCSP_EXECUTOR_BROKER: broker,
          },
        );
        return { found, same };
      };
      const inRun = await tried("off");
      const brokered = await tried("required");
      assert.match(inRun.found, /environ|^[1-9]/);
      assert.match(brokered.found, /^over\s*$/);
      assert.deepEqual(brokered.same, inRun.same);
    });
  }

  for (const [what, lifeMs] of [
    ["is about to end", 60_000],
    ["is refused", 28_800_000],
  ] as const) {
    it(`keeps an interactive login out of runs, and refreshes it once for all of them by a CLI of its own when it ${what}`, async function () {
      if (what === "is refused" && CLAUDE_CODE_VERSION === "2.1.197")
        skip(this, "Claude Code 2.1.197 refreshes a login only when it is about to end");
      const home = join(dir, `home-${lifeMs}`);
      await mkdir(join(home, ".claude"), { recursive: true });
      const file = join(home, ".claude", ".credentials.json");
      const plan = { scopes: ["user:inference", "user:profile"], subscriptionType: "max" };
      const tokens = { accessToken: "sk-ant-oat01-fake-old", refreshToken: "sk-ant-ort01-fake-old" };
      const credentials = { claudeAiOauth: { ...tokens, expiresAt: Date.now() + lifeMs, ...plan } };
      await writeFile(file, JSON.stringify(credentials), { mode: 0o600 });
      revoked = tokens.accessToken;
      logins.asked.length = 0;
      const fresh = { access_token: "sk-ant-oat01-fake-new", refresh_token: "sk-ant-ort01-fake-new" };
      logins.answer = () => ({ token_type: "Bearer", ...fresh, expires_in: 28_800, scope: plan.scopes.join(" ") });
      const env = join(dir, "engine.env");
      const ca = join(dir, "public", "ca.pem");
      await writeFile(env, `HTTPS_PROXY=${proxy}\nNODE_EXTRA_CA_CERTS=${ca}\nIS_SANDBOX=1\n`);
      const input = JSON.stringify({ command: search("01-fake-"), description: "searches" });
      const found = async (broker: "off" | "required") => {
        simulator().reset();
        const said: string[] = [];
        const settings = {
          CCSP_CLAUDE_CODE_BASE_URL: "",
          CCSP_CLAUDE_CODE_API_KEY: "",
          CCSP_CLAUDE_CODE_HOME: home,
          CCSP_CLAUDE_CODE_ENV_FILE: env,
          CCSP_EXECUTOR_SLOTS: "3",
          CCSP_EXECUTOR_SANDBOX: "required",
          CCSP_EXECUTOR_SANDBOX_READ: join(dir, "public"),
          CCSP_EXECUTOR_BROKER: broker,
        };
        await withCli(async (rig: Rig) => {
          const tasks = ["one", "two", "three"].map((name) =>
            rig.queue.add(`${name} [[sim:tool name=Bash input='${input}']]`, { allowedTools: ["Bash"] }),
          );
          for (const task of tasks) await resultOf(rig, task);
          const ours = simulator().requests.filter(({ method, prompt }) => method === "POST" && prompt !== "Hi");
          const logins = new Set(ours.map(({ headers }) => headers.authorization));
          assert.deepEqual([...logins], [`Bearer ${fresh.access_token}`]);
          // The default of a plan is another model than that of a token.
          assert.ok(ours.every(({ model }) => model.includes("opus")));
          said.push(...ours.flatMap(({ toolResults }) => toolResults).map((text) => text.trim()));
        }, settings);
        return said;
      };
      assert.deepEqual(await found("required"), ["over", "over", "over"]);
      assert.equal(logins.asked.length, 1, logins.asked.join("\n"));
      assert.match(await readFile(file, "utf8"), /ort01-fake-new/);
      for (const said of await found("off")) assert.match(said, /credentials\.json/);
    });
  }
});
