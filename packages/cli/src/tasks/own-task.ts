import type { CcspClient } from "@ccsp/client";
import { wholeId } from "../options/task-id.js";

/** The id of one of the caller's tasks that the user names (see `wholeId`). */
export const ownTaskId = (client: CcspClient, text: string): Promise<string> =>
  wholeId(text, () => client.list({ pageSize: 500 }));
