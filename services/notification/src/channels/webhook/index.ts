import { readFile } from "node:fs/promises";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { type ChannelType, DeliveryError, type Message } from "../../domain/channel.js";
import { failUnlessOk } from "../../net/http-failure.js";
import { parsed } from "../parsed.js";

const schema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  /** A file with `whsec_` and the key in base64. It is read for each message, so it can be exchanged. */
  secretFile: z.string().min(1),
});

/**
 * Posts each notice as JSON, signed by Standard Webhooks (https://www.standardwebhooks.com, 1.0.0). `webhook-id` is the
 * same for each attempt of a notice, so that the receiver drops repeats.
 */
export const webhookChannel: ChannelType = {
  type: "webhook",
  open: async (settings, { fetch, now }) => {
    const { url, secretFile } = parsed(schema, settings);
    await secretOf(secretFile);
    return {
      target: new URL(url).origin,
      deliver: async (message, signal) => {
        const signer = await secretOf(secretFile);
        const body = JSON.stringify(payload(message));
        const time = now();
        const headers = {
          "content-type": "application/json",
          "user-agent": "ccsp-notification",
          "webhook-id": message.id,
          "webhook-timestamp": String(Math.floor(time.getTime() / 1_000)),
          "webhook-signature": signer.sign(message.id, time, body),
        };
        await failUnlessOk(await fetch(url, { method: "POST", headers, body, signal }), time);
      },
    };
  },
};

/** What a receiver gets. Members may be added. */
function payload({ id, notice, repeats, render }: Message) {
  const { kind, severity, time, action, taskId, agentId, subject, facts, links, dedupKey, labels } = notice;
  const { title, body } = render("text");
  return {
    type: kind,
    timestamp: time.toISOString(),
    data: {
      id,
      severity,
      action,
      dedupKey,
      taskId,
      agentId,
      title,
      text: body,
      subject,
      facts,
      links,
      labels,
      repeats,
    },
  };
}

async function secretOf(path: string): Promise<Webhook> {
  const secret = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DeliveryError("refused", `the secret of the webhook cannot be read from ${path}`, undefined, cause);
  });
  try {
    return new Webhook(secret.trim());
  } catch (cause) {
    throw new DeliveryError("refused", `${path} holds no secret of the form whsec_BASE64`, undefined, cause);
  }
}
