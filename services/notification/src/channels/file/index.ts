import { resolve } from "node:path";
import { z } from "zod";
import type { ChannelType } from "../../domain/channel.js";
import { parsed } from "../parsed.js";
import { createFileChannel } from "./file-channel.js";

const MIB = 1024 * 1024;
const schema = z.strictObject({
  path: z.string().min(1),
  maxMiB: z.number().int().min(0).default(100),
  keep: z.number().int().min(1).max(1_000).default(5),
});

/** Appends each notice as one JSON line to a file. */
export const fileChannel: ChannelType = {
  type: "file",
  // The calls are made in the order of the queue, and the file keeps it.
  use: { records: true, concurrency: 16 },
  open: async (settings, { name }) => {
    const { path, maxMiB, keep } = parsed(schema, settings);
    return createFileChannel(name, { path: resolve(path), maxBytes: maxMiB * MIB, keep });
  },
};
