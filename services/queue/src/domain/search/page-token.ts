import { invalidFields } from "@ccsp/errors";
import { isTaskId } from "../task/shard.js";

/** The page token names the last task of the page. So the next page is right even when tasks were added or removed. */
export const pageTokenAfter = (lastId: string): string => Buffer.from(`1:${lastId}`).toString("base64url");

/**
 * The last task of the previous page. Undefined for the first page. Throws INVALID_FIELD for a token that is not valid.
 */
export function readPageToken(token: string): string | undefined {
  if (token === "") return undefined;
  const [version, id = ""] = Buffer.from(token, "base64url").toString("utf8").split(":");
  if (version === "1" && isTaskId(id)) return id;
  throw invalidFields([{ field: "page_token", description: "is not a token that this service issued" }]);
}
