/** A variable of the environment that the command itself reads. Services have their own (@ccsp/config). */
export interface Variable {
  readonly name: string;
  readonly doc: string;
  /** What holds when it is not set. */
  readonly unset: string;
}

/** Every variable that the command reads, for docs/configuration.md. A test compares the list with the code. */
export const VARIABLES: readonly Variable[] = [
  {
    name: "CCSP_STATE_DIR",
    doc: "folder of the local fleet: its secret, log and data; each folder has one fleet",
    unset: "`.ccsp` in the repository; `$XDG_STATE_HOME/ccsp` for a command that npm installed",
  },
  {
    name: "XDG_STATE_HOME",
    doc: "where a command that npm installed keeps the fleet's folder",
    unset: "`~/.local/state`",
  },
  { name: "CCSP_GATEWAY", doc: "gRPC target of the gateway, such as `gateway.example:3000`", unset: "the local fleet" },
  {
    name: "CCSP_GATEWAY_URL",
    doc: "address of the dashboard for `ccsp open` and `ccsp doctor`, such as `https://ccsp.example`",
    unset: "the local fleet's",
  },
  {
    name: "CCSP_CA_FILE",
    doc: "PEM file of the authorities that may sign the gateway's certificate; `system`: those of this machine",
    unset: "no TLS; the local fleet's own authority, if its gateway has a certificate",
  },
  {
    name: "CCSP_TOKEN",
    doc: "token or API key of the caller; services never get it",
    unset: "made for `$USER` with the local fleet's secret",
  },
  { name: "CCSP_OIDC_ISSUER", doc: "issuer of `ccsp login`", unset: "`--oidc-issuer`" },
  { name: "CCSP_OIDC_CLIENT_ID", doc: "what `ccsp login` is at the issuer", unset: "`--client-id`" },
  {
    name: "CCSP_OIDC_CA_FILE",
    doc: "PEM file with the issuer's certificate authority",
    unset: "those that Node trusts",
  },
  { name: "CCSP_JWT_SECRET", doc: "secret that signs tokens", unset: "the file in the next line" },
  {
    name: "CCSP_JWT_SECRET_FILE",
    doc: "file with the secret that signs tokens",
    unset: "`jwt.secret` of the local fleet",
  },
  { name: "CCSP_JWT_AUDIENCE", doc: "`aud` of the tokens that the command makes", unset: "`ccsp`" },
  { name: "CCSP_JWT_ISSUER", doc: "`iss` of the tokens that the command makes", unset: "none" },
  {
    name: "CCSP_QUEUE_TARGET",
    doc: "gRPC target of the queue, for an emergency stop without a gateway",
    unset: "the local fleet's",
  },
  {
    name: "CCSP_OPERATOR_TLS_DIR",
    doc: "folder with the operator certificate (`ca.crt`, `tls.crt`, `tls.key`) for an emergency stop without a gateway",
    unset: "the local fleet's",
  },
  {
    name: "CCSP_CONSUL_URL",
    doc: "Consul agent to find services by; `ccsp up` then starts no Consul of its own",
    unset: "none; a local fleet starts its own",
  },
  { name: "CCSP_CONSUL_CA_FILE", doc: "authorities of that Consul's certificate", unset: "those of the system" },
  { name: "CCSP_CONSUL_TOKEN", doc: "token for that Consul's ACL", unset: "the file in the next line" },
  { name: "CCSP_CONSUL_TOKEN_FILE", doc: "file with the token for that Consul's ACL", unset: "no token" },
  {
    name: "CCSP_GATEWAY_LISTEN",
    doc: "where the gateway of a local fleet listens: `0.0.0.0:3000` for other machines, by TLS with a certificate of the fleet's own CA",
    unset: "`127.0.0.1:3000`",
  },
  {
    name: "CCSP_GATEWAY_HTTP_LISTEN",
    doc: "the same for the dashboard and REST",
    unset: "`127.0.0.1:8080`",
  },
  {
    name: "CCSP_WITHOUT_CONSUL",
    doc: "`1`: a local fleet runs without Consul, on fixed addresses",
    unset: "with Consul, if there is one",
  },
  {
    name: "CCSP_START_LIMIT",
    doc: "how long no part of a local fleet may make progress while it starts; then `ccsp up` gives up",
    unset: "`1m`",
  },
  {
    name: "CCSP_SIMULATOR",
    doc: "`1`: a local fleet runs with a simulated model, as with `--simulator`",
    unset: "your own Claude Code",
  },
  {
    name: "CCSP_TRACE_URL",
    doc: "link to a trace in your tracing system, such as `https://jaeger.example/trace/{traceId}`",
    unset: "no link",
  },
  { name: "CCSP_REDIS_URL", doc: "Redis of a local fleet; `ccsp up` then starts none", unset: "its own Redis" },
  { name: "CCSP_REDIS_SENTINEL_LOGIN", doc: "login for that Redis' Sentinels", unset: "no login" },
  { name: "CCSP_REDIS_CA_FILE", doc: "authorities of that Redis' certificate", unset: "those of the system" },
  { name: "CCSP_REDIS_TLS_DIR", doc: "folder with a certificate for that Redis", unset: "no certificate" },
  { name: "CCSP_CLAUDE_CODE_BIN", doc: "the `claude` of a local fleet", unset: "`claude` on PATH" },
  {
    name: "CCSP_EXECUTOR_DIR",
    doc: "the executor's folder, for `ccsp doctor`: is its disk full?",
    unset: "not looked at",
  },
  {
    name: "CCSP_EXECUTOR_CGROUP",
    doc: "the executor's control group, for `ccsp doctor`",
    unset: "the executor has none",
  },
  {
    name: "CCSP_EXECUTOR_SANDBOX",
    doc: "for `ccsp doctor`: `required` makes a missing sandbox a failure",
    unset: "a warning",
  },
  {
    name: "CCSP_NOTIFICATION_FILE",
    doc: "the notification service's file, for `ccsp doctor`: is its disk full?",
    unset: "not looked at",
  },
  { name: "REDIS_SERVER_BIN", doc: "the `redis-server` that a local fleet starts", unset: "PATH, then `.tools/bin`" },
  { name: "CONSUL_BIN", doc: "the `consul` that a local fleet starts", unset: "PATH, then `.tools/bin`" },
  { name: "USER", doc: "name of the caller in tokens that the command makes for a local fleet", unset: "" },
  {
    name: "HOME",
    doc: "your home folder: a folder that has it inside is never allowed for tasks",
    unset: "the system's answer",
  },
  { name: "PATH", doc: "where `claude`, `redis-server` and `consul` are looked for", unset: "" },
  { name: "DISPLAY", doc: "a screen, so that `ccsp open` opens a browser and prints no link", unset: "no screen" },
  { name: "WAYLAND_DISPLAY", doc: "the same", unset: "no screen" },
  { name: "NO_COLOR", doc: "any value: no colours", unset: "colours on a terminal" },
  { name: "FORCE_COLOR", doc: "`1`: colours in a pipe too; `0`: no colours", unset: "as `NO_COLOR` says" },
  { name: "TERM", doc: "`dumb`: no colours, and no line that is written again", unset: "" },
  { name: "COLUMNS", doc: "width of `ccsp trace` in a pipe", unset: "100" },
];
