import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { World } from "@ccsp/e2e-kit/world.js";

/** Something that a task must not be able to do. */
export interface Attempt {
  readonly what: string;
  /** A bash script that succeeds if the attempt does. `$RUN` is the run's own folder. */
  readonly script: string;
  /** Asks the host afterwards, in place of the script's own success. */
  readonly succeeded?: () => boolean;
}

/** The size that the folders of a run have in memory here. */
export const FOLDER_BYTES = 64 * 1024 * 1024;
const MORE_MB = 80;
const STAYS = 987_600;

/** The folder in which the executor of the world has its runs. */
const runsFolder = (world: World): string => join(executorFolder(world), "runs");

function executorFolder({ fleet }: World): string {
  const pid = executorPid(fleet);
  const environ = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  const folder = environ.find((entry) => entry.startsWith("CCSP_EXECUTOR_DIR="))?.slice("CCSP_EXECUTOR_DIR=".length);
  if (folder === undefined) throw new Error("the executor has no folder of its own");
  return folder;
}

function executorPid(fleet: World["fleet"]): number {
  const pid = fleet.processes().find(({ name }) => name === "executor")?.process.pid;
  if (pid === undefined) throw new Error("no executor runs");
  return pid;
}

const connects = (port: number): string => `exec 3<>/dev/tcp/127.0.0.1/${port}`;

const throughProxy = (host: string): string =>
  `[ -n "$HTTPS_PROXY" ] && exec 3<>/dev/tcp/127.0.0.1/\${HTTPS_PROXY##*:} &&
   printf 'CONNECT ${host} HTTP/1.1\\r\\nhost: ${host}\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == *200* ]]`;

/** `secrets`: files that a task must not read. */
export function attempts(world: World, secrets: readonly string[]): readonly Attempt[] {
  const runs = runsFolder(world);
  const others = `find ${runs} -mindepth 2 -maxdepth 2 -type d ! -path "$RUN"`;
  const pid = executorPid(world.fleet);
  return [
    ...secrets.map((file) => ({ what: `read ${file.slice(world.dataDir.length + 1)}`, script: `cat ${file}` })),
    { what: "read the executor's environment", script: `grep -qz ^CCSP_ /proc/${pid}/environ` },
    { what: "see the executor's command line", script: `grep -q executor /proc/${pid}/cmdline` },
    { what: "signal the executor", script: `kill -0 ${pid}` },
    { what: "list other runs and waiting processes", script: `[ $(${others} | wc -l) -gt 0 ]` },
    {
      what: "read a file of another run",
      script: `cat $(${others} -exec find {} -name note.txt \\; | head -n 1) </dev/null | grep -q private`,
    },
    planted("settings for a waiting process", "settings.json", runs, `${others} -name "warm-*"`),
    trusted(world),
    ...login(world),
    ...ports(world),
    ...leaves(),
    ...fills(),
  ];
}

/** The key with which the executor asks the provider. Each script has it in two halves, so that it does not find itself. */
function login({ simulator }: World): readonly Attempt[] {
  const [first, second] = ["fake-key-for-", "the-simulator"];
  const key = `w=${first}; w+=${second}`;
  return [
    { what: "find the engine's key in the environment", script: `${key}; env | grep -q "$w"` },
    { what: "find the engine's key in a process", script: `${key}; grep -qsF "$w" /proc/[0-9]*/environ` },
    { what: "find the engine's key in a file", script: `${key}; grep -rqsF "$w" "$RUN" ~ /tmp` },
    {
      what: "ask another path of the provider",
      script: asks(simulator, "/v1/files", OWN_KEY),
    },
    {
      what: "ask the provider with another key",
      script: asks(simulator, "/v1/messages", "x-api-key: of-a-task\\r\\n"),
    },
    { what: "ask the provider without a key", script: asks(simulator, "/v1/messages", "") },
    {
      what: "ask another model than that of its task",
      script: asks(simulator, "/v1/messages", OWN_KEY, "claude-opus-4-6"),
    },
  ];
}

/** The model of the task that makes the attempts. */
export const OWN_MODEL = "claude-sonnet-4-5";
const OWN_KEY = "x-api-key: '\"$ANTHROPIC_API_KEY\"'\\r\\n";

/** Sends a request to the provider in the way that the run has. Succeeds unless it is refused. */
const asks = ({ url, port }: World["simulator"], path: string, header: string, model = OWN_MODEL) => {
  const body = JSON.stringify({ model });
  return `
  proxy=\${HTTP_PROXY:-http://127.0.0.1:${port}}; exec 3<>/dev/tcp/127.0.0.1/\${proxy##*:} &&
  printf 'POST ${url}${path} HTTP/1.1\\r\\nhost: 127.0.0.1:${port}\\r\\n${header}content-length: ${body.length}\\r\\n\\r\\n${body}' >&3 &&
  read -r answer <&3 && [[ $answer == HTTP* && $answer != *403* ]]`;
};

/** What a task of the Claude Code CLI may ask, also in its sandbox. */
export const message = ({ simulator }: Pick<World, "simulator">): Attempt => ({
  what: "ask the provider for a message",
  script: asks(simulator, "/v1/messages", OWN_KEY),
});

/** A task that can do this can make certificates that the queue believes. */
function trusted({ certificates }: World): Attempt {
  const file = join(certificates, "queue", "ca.crt");
  return {
    what: "put a certificate authority of its own beside those of the services",
    script: `echo "# of a task" >>${file}`,
    succeeded: () => readFileSync(file, "utf8").includes("# of a task"),
  };
}

function ports({ fleet }: World): readonly Attempt[] {
  const redis = fleet.redis.port;
  const listening = fleet.processes().flatMap(({ name, ports: { grpc, ops } }) => [
    { what: `connect to the ${name}`, script: connects(grpc) },
    { what: `connect to the ops port of the ${name}`, script: connects(ops) },
  ]);
  return [
    ...consul(fleet),
    { what: "connect to Redis", script: `${connects(redis)} && printf 'PING\\r\\n' >&3 && read -r answer <&3` },
    { what: "connect to Redis through the run's proxy", script: throughProxy(`127.0.0.1:${redis}`) },
    { what: "connect to Redis as localhost through the run's proxy", script: throughProxy(`localhost:${redis}`) },
    ...listening,
  ];
}

/** A fleet may have no Consul: then the getter throws. */
function consul(fleet: World["fleet"]): readonly Attempt[] {
  try {
    return [{ what: "connect to Consul", script: connects(fleet.consul.port) }];
  } catch {
    return [];
  }
}

/** Only for a run in a sandbox: the connection must not leave this machine. */
export const metadataAttempts: readonly Attempt[] = [
  { what: "connect to the cloud's metadata address", script: "exec 3<>/dev/tcp/169.254.169.254/80" },
  { what: "connect to it through the run's proxy", script: throughProxy("169.254.169.254:80") },
];

/**
 * Bash scripts that put something in the place of the run's own transcript. The executor reads it after the run, outside
 * the sandbox. Each prints `planted` and its name. `secret`: a file of the host.
 */
export function plants(secret: string): Readonly<Record<"symlink" | "FIFO", string>> {
  const find = `until f=$(ls "$CLAUDE_CONFIG_DIR"/projects/*/*.jsonl 2>/dev/null | head -n 1); [ -n "$f" ]; do sleep 0.1; done`;
  // The CLI goes on to write. So the link leads to a file in the sandbox too, and the FIFO has a reader in the run.
  const real = `mkdir -p "$(dirname ${secret})"; : >${secret}`;
  const reader = `setsid bash -c 'while :; do cat "$0"; done' "$f" >/dev/null 2>&1 </dev/null &`;
  return {
    symlink: `${find}; ${real}; ln -sfn ${secret} "$f" && [ -L "$f" ] && echo planted symlink`,
    FIFO: `${find}; rm -f "$f"; mkfifo "$f" && (${reader}) && echo planted FIFO`,
  };
}

/** What the executor keeps of conversations on its disk. */
export function keptConversations(world: World): readonly string[] {
  const folder = join(executorFolder(world), "conversations");
  return readdirSync(folder).map((name) => gunzipSync(readFileSync(join(folder, name))).toString("utf8"));
}

/** What a run in a sandbox can do, in the same ways as the attempts. */
export const allowed = ({ simulator }: Pick<World, "simulator">): readonly Attempt[] => [
  { what: "reach the provider through the run's proxy", script: throughProxy(`127.0.0.1:${simulator.port}`) },
  ...["$PWD", "$HOME", "$TMPDIR", "/tmp"].map((folder) => ({
    what: `write 8 MB into ${folder}`,
    script: `dd if=/dev/zero of=${folder}/some bs=1M count=8 && rm ${folder}/some`,
  })),
];

/** A call of the kernel by its number. It is refused if the kernel answers EPERM. */
const calls = (x64: number, arm64: number, ...args: readonly number[]): string =>
  `perl -e '$! = 0; syscall(${[process.arch === "x64" ? x64 : arm64, ...args].join(",")}); exit($! == 1)'`;

/**
 * What reaches the whole machine past every namespace. The settings in /proc/sys are those of this host, so nothing is
 * written: whether the kernel would let it be is asked.
 */
export const kernelAttempts = (): readonly Attempt[] => [
  {
    what: "change a setting of the machine",
    script: '[ -n "$(find /proc/sys /proc/sysrq-trigger /proc/irq /proc/bus -type f -writable -print -quit)" ]',
  },
  { what: "use keys of the kernel", script: calls(250, 219, 0, -3, 0) },
  { what: "use io_uring", script: calls(425, 425, 0, 0) },
  { what: "take a descriptor of another process", script: calls(438, 438, -1, 0, 0) },
  { what: "handle page faults", script: calls(323, 282, 1) },
  { what: "load a program into the kernel", script: calls(321, 280, 0, 0, 0) },
  ...(process.getuid?.() === 0 ? rootAttempts : []),
];

/** Other users need these calls, and keep them. */
const rootAttempts: readonly Attempt[] = [
  { what: "trace a process as root", script: calls(101, 117, 0, 0, 0, 0) },
  { what: "make a user namespace as root", script: "unshare --user true" },
  { what: "mount in a namespace as root", script: "unshare --user --map-root-user --mount mount -t tmpfs none /tmp" },
];

/**
 * A script for a folder with `work` and `link`, which leads out of it. It swaps the two until there is `stop`, and makes
 * `begun` when it has begun. A check of a path and its use then see different folders.
 */
export const swaps = (): string => {
  const [call, here, exchange] = [process.arch === "x64" ? 316 : 276, -100, 2];
  // Perl passes only a variable as a text.
  const swap = `syscall(${call}, ${here}, $a, ${here}, $b, ${exchange}) == 0 or die $!`;
  return `perl -e '($a, $b) = ("work", "link"); until (-e "stop") { ${swap} for 1 .. 1000; open(F, ">begun") }'`;
};

function planted(what: string, name: string, runs: string, folders: string): Attempt {
  return {
    what: `write ${what}`,
    script: `for one in $(${folders}); do mkdir -p $one/home/.claude && echo '{}' >$one/home/.claude/${name}; done`,
    succeeded: () =>
      readdirSync(runs).some((boot) =>
        readdirSync(join(runs, boot)).some((run) => existsSync(join(runs, boot, run, "home", ".claude", name))),
      ),
  };
}

/** Each starts a sleep of a length of its own, by which it is found. */
function leaves(): readonly Attempt[] {
  const how: readonly (readonly [string, (command: string) => string])[] = [
    ["setsid", (command) => `setsid ${command} >/dev/null 2>&1 </dev/null &`],
    ["a double fork", (command) => `( ( ${command} >/dev/null 2>&1 </dev/null & ) & )`],
    [
      "setsid, a double fork and a cleared environment",
      (command) => `( ( exec env -i setsid ${command} >/dev/null 2>&1 </dev/null & ) & )`,
    ],
  ];
  return how.map(([name, start], index) => ({
    what: `leave a process by ${name}`,
    script: start(`sleep ${STAYS + index}`),
    succeeded: () => sleeping().some(({ seconds }) => seconds === STAYS + index),
  }));
}

/** The processes on this host that the attempts started. */
export function sleeping(): readonly { readonly pid: number; readonly seconds: number }[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) return [];
    const seconds = Number(/^sleep\0(9876\d\d)\0$/.exec(commandLineOf(pid))?.[1]);
    return Number.isNaN(seconds) ? [] : [{ pid, seconds }];
  });
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

const fills = (): readonly Attempt[] =>
  ["$PWD", "$HOME", "$CLAUDE_CONFIG_DIR", "$RUN", "$TMPDIR", "/tmp", "/dev/shm", "/var/tmp", "/run", "/dev", "/"].map(
    (folder) => ({
      what: `write ${MORE_MB} MB into ${folder}`,
      script: `f=${folder}/fill; dd if=/dev/zero of="$f" bs=1M count=${MORE_MB} && good=1; rm -f "$f"; [ "$good" = 1 ]`,
    }),
  );

/**
 * One script that makes all attempts, and prints a line for each. It prints them at the end, because an engine that keeps
 * its output in a folder which an attempt has just filled would lose the rest.
 */
export function scriptOf(all: readonly Attempt[]): string {
  const lines = all.map(({ script }, index) => {
    const encoded = Buffer.from(script).toString("base64");
    return `if timeout 10 bash -c "$(echo ${encoded} | base64 -d)" >/dev/null 2>&1; then said+="try ${index} yes"$'\\n'; else said+="try ${index} no"$'\\n'; fi`;
  });
  return ['export RUN="$(dirname "$HOME")"', "said=", ...lines, 'printf %s "$said"'].join("\n");
}

/** Which attempts succeeded, by the output of that script and by what the host shows. */
export function succeededIn(all: readonly Attempt[], output: string): readonly boolean[] {
  return all.map(({ what, succeeded }, index) => {
    const answer = new RegExp(`^try ${index} (yes|no)$`, "m").exec(output)?.[1];
    if (answer === undefined) throw new Error(`the task did not try to ${what}: ${output}`);
    return succeeded ? succeeded() : answer === "yes";
  });
}
