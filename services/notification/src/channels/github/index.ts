import { z } from "zod";
import type { ChannelType } from "../../domain/channel.js";
import { parsed } from "../parsed.js";
import { createGitHubChannel } from "./github-channel.js";
import { openOctokit } from "./octokit.js";

const schema = z
  .strictObject({
    /** `owner/name`. */
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
    /** A file with a token that may write issues. It is read again for each request, so it can be exchanged. */
    tokenFile: z.string().min(1).optional(),
    /** A GitHub App that is installed in the repository, in place of a token. */
    app: z
      .strictObject({
        appId: z.number().int().positive(),
        installationId: z.number().int().positive(),
        privateKeyFile: z.string().min(1),
      })
      .optional(),
    /** The API. GitHub Enterprise Server has it at https://HOST/api/v3. */
    baseUrl: z.url({ protocol: /^https?$/ }).default("https://api.github.com"),
    labels: z.array(z.string().min(1).max(50)).max(50).default([]),
    assignees: z.array(z.string().min(1)).max(10).default([]),
    titlePrefix: z.string().max(100).default(""),
    /** Marks the issues of CCSP. The channel finds its issues by it. */
    ownLabel: z.string().min(1).max(50).default("ccsp"),
    closeWhenResolved: z.boolean().default(true),
    /** Off, an incident that begins again gets a new issue. */
    reopen: z.boolean().default(true),
    /** Spaces requests as GitHub asks for (about one write in 3 s). GitHub Enterprise Server may do without. */
    throttle: z.boolean().default(true),
  })
  .refine(({ tokenFile, app }) => (tokenFile === undefined) !== (app === undefined), "needs either tokenFile or app");

/**
 * Opens an issue for each incident, comments on changes, and closes it at the end. It finds its own issue again, also
 * after a crash, so that an incident has one issue.
 */
export const githubChannel: ChannelType = {
  type: "github",
  use: { concurrency: 2 },
  open: async (settings, context) => {
    const { tokenFile, app, baseUrl, throttle, repository, ...rest } = parsed(schema, settings);
    const [owner = "", repo = ""] = repository.split("/");
    const octokit = await openOctokit({ tokenFile, app, baseUrl, throttle }, context);
    return createGitHubChannel(octokit, { owner, repo, baseUrl, ...rest }, context.now);
  },
};
