import type { MessageClient } from "@ccsp/client/messages";
import { wholeId } from "../options/task-id.js";

/** The id of one of the caller's tasks that the user names (see `wholeId`). */
export const ownTaskId = (client: MessageClient, text: string): Promise<string> =>
  wholeId(text, () => client.list({ pageSize: 500 }));
