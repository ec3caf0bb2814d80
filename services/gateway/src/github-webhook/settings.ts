import type { Settings } from "@ccsp/config";

/** File with the secret of GitHub's webhook. Undefined: its path does not exist. */
export const webhookSecretFile = (settings: Settings): string | undefined =>
  settings.optionalText(
    "CCSP_GATEWAY_GITHUB_WEBHOOK_SECRET_FILE",
    "file with the secret of GitHub's webhook, whose events arrive at `/webhooks/github`; unset: watched issues are only looked at from time to time",
  );
