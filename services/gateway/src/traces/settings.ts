import type { Settings } from "@ccsp/config";

/** Where the gateway reads traces. Undefined: it cannot. */
export const tracesUrl = (settings: Settings): string | undefined =>
  settings.optionalText(
    "CCSP_GATEWAY_TRACES_URL",
    "where the gateway reads the traces of tasks for the dashboard: Jaeger's query service, such as `http://jaeger:16686`; `ccsp up` sets the socket of its own store",
    {
      pattern: /^(https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?|unix:\/\/\/.+)$/,
      form: "an http or https URL without a login, or unix:// with an absolute path",
    },
  );
