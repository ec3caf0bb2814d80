import { type HostPort, judgePublicPort, type ServiceSettings, type Settings } from "@ccsp/config";

export interface HttpSettings {
  /** The paths of the predecessor are also below `/api/ccsp`. */
  readonly oldPaths: boolean;
  readonly listen: HostPort;
  /** Its address as browsers reach it, without a slash at the end. Undefined: as they name it in `Host`. */
  readonly publicUrl: string | undefined;
  /** The origins whose pages may call. Empty: no page of another origin may. */
  readonly origins: readonly string[];
  /** The address of a trace, with `{traceId}` in the place of its id. Undefined: the dashboard shows ids only. */
  readonly traceUrl: string | undefined;
}

export function httpSettings(settings: Settings, { name, portTlsDir }: ServiceSettings): HttpSettings {
  const prefix = "CCSP_GATEWAY";
  const setting = `${prefix}_HTTP_LISTEN`;
  const listen = settings.listen(
    setting,
    "address of the HTTP server, for REST and the dashboard: 0.0.0.0 for other machines, port 0 for a free one",
    { default: "127.0.0.1:8080" },
  );
  judgePublicPort(settings, { name, prefix, setting, listen }, portTlsDir);
  return {
    listen,
    oldPaths: settings.flag(
      "CCSP_GATEWAY_OLD_API_PATHS",
      "also serve the predecessor's management API below /api/ccsp, as below /api/v1",
      { default: false },
    ),
    publicUrl: settings
      .optionalText(
        "CCSP_GATEWAY_PUBLIC_URL",
        "address of the HTTP server as browsers reach it, such as `https://ccsp.example`; sign-in with OIDC needs it, and so does a proxy that terminates TLS",
        { pattern: /^https?:\/\/[^/?#\s]+\/?$/, form: "an http or https URL without a path" },
      )
      ?.replace(/\/$/, ""),
    origins: settings.list(
      "CCSP_GATEWAY_HTTP_ORIGINS",
      "origins whose web pages may call the HTTP server with a token; empty: none",
      {
        default: [],
        pattern: /^https?:\/\/(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i,
        form: "origins, such as https://ops.example.com, separated by commas",
      },
    ),
    traceUrl: settings.optionalText(
      "CCSP_TRACE_URL",
      "address of a trace in your tracing system, such as `https://jaeger.example/trace/{traceId}`, to which the dashboard links",
      { pattern: /^https?:\/\/\S*\{traceId\}\S*$/, form: "an http or https URL with {traceId}" },
    ),
  };
}

export const isHttps = (url: string | undefined): boolean => url?.startsWith("https://") ?? false;
