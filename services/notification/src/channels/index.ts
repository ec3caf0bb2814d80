import type { ChannelType } from "../domain/channel.js";
import { fileChannel } from "./file/index.js";
import { logChannel } from "./log/index.js";
import { webhookChannel } from "./webhook/index.js";

/** The kinds of channels that the configuration can name. Plugins add others. */
export const CHANNEL_TYPES: readonly ChannelType[] = [fileChannel, logChannel, webhookChannel];
