import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type ChannelType, DeliveryError } from "../../domain/channel.js";
import { failUnlessOk } from "../../net/http-failure.js";
import { parsed } from "../parsed.js";

const schema = z
  .strictObject({
    /** Its path is a secret, so a file may have it. The file is read for each message. */
    urlFile: z.string().min(1).optional(),
    url: z.url({ protocol: /^https?$/ }).optional(),
  })
  .refine(({ url, urlFile }) => (url === undefined) !== (urlFile === undefined), "needs either url or urlFile");

/** The longest text of a section, and room for the sign (https://docs.slack.dev/reference/block-kit/blocks/section-block). */
const LONGEST = 2_990;

/**
 * Posts each notice to an incoming webhook of Slack, or of a service that takes the same messages, such as Mattermost and
 * Rocket.Chat (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). Slack drops no repeats, so a
 * message comes twice if the process dies between Slack's answer and the record of it.
 */
export const slackChannel: ChannelType = {
  type: "slack",
  // Slack takes one message in a second.
  use: { concurrency: 1, perMinute: 60 },
  open: async (settings, { fetch, now }) => {
    const { url, urlFile } = parsed(schema, settings);
    const place = async (): Promise<string> => url ?? readUrl(urlFile ?? "");
    const { origin } = new URL(await place());
    return {
      target: origin,
      deliver: async ({ notice, render }, signal) => {
        const { title, body } = render("slack", LONGEST);
        const sign = notice.action === "resolves" ? "✅" : { info: "ℹ️", warning: "⚠️", critical: "🚨" }[notice.severity];
        // The title is what a phone shows. It is plain text there, without links and mentions.
        const fallback = title.replace(/[&<>]/g, " ");
        const blocks = [{ type: "section", text: { type: "mrkdwn", text: `${sign} ${body}` } }];
        const message = JSON.stringify({
          text: `${sign} ${fallback}`,
          blocks,
          unfurl_links: false,
          unfurl_media: false,
        });
        const headers = { "content-type": "application/json" };
        await failUnlessOk(await fetch(await place(), { method: "POST", headers, body: message, signal }), now());
      },
    };
  },
};

async function readUrl(path: string): Promise<string> {
  const url = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DeliveryError("refused", `the URL of the webhook cannot be read from ${path}`, undefined, cause);
  });
  if (!/^https?:\/\//.test(url.trim()) || !URL.canParse(url.trim())) {
    throw new DeliveryError("refused", `${path} holds no URL`);
  }
  return url.trim();
}
