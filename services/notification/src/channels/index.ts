import type { ChannelType } from "../domain/channel.js";
import { emailChannel } from "./email/index.js";
import { fileChannel } from "./file/index.js";
import { githubChannel } from "./github/index.js";
import { logChannel } from "./log/index.js";
import { slackChannel } from "./slack/index.js";
import { webhookChannel } from "./webhook/index.js";

/** The kinds of channels that the configuration can name. Plugins add others. */
export const CHANNEL_TYPES: readonly ChannelType[] = [
  fileChannel,
  logChannel,
  webhookChannel,
  slackChannel,
  emailChannel,
  githubChannel,
];
