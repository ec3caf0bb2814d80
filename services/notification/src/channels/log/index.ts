import { z } from "zod";
import type { ChannelType } from "../../domain/channel.js";
import { parsed } from "../parsed.js";

/** Writes each notice to the log of the service, which is JSON lines on standard output. */
export const logChannel: ChannelType = {
  type: "log",
  use: { records: true },
  open: async (settings, { log }) => {
    parsed(z.strictObject({}), settings);
    return {
      target: "the log of the service",
      deliver: async ({ id, notice, repeats, render }) => {
        const { kind, severity, taskId, agentId, dedupKey, action } = notice;
        const { title } = render("text");
        // `matter` is the incident. Operators search their logs by this name.
        const fields = { notice: id, kind, severity, taskId, agentId, matter: dedupKey, action, repeats };
        log[severity === "info" ? "info" : "warn"](fields, `notice: ${title}`);
      },
    };
  },
};
