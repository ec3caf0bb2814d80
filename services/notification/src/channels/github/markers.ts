import { createHash } from "node:crypto";
import type { Message } from "../../domain/channel.js";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);

/**
 * Hidden texts by which the channel finds what it has written. They do not show the key. Existing issues have them, so
 * they cannot change.
 */
export const incidentMarker = (message: Message): string => `<!-- ccsp-matter:${hash(keyOf(message))} -->`;
export const noticeMarker = ({ id }: Pick<Message, "id">): string => `<!-- ccsp-notice:${hash(id)} -->`;

/** A notice that stands alone is an incident of its own. */
const keyOf = ({ id, notice }: Message): string => (notice.dedupKey === "" ? id : notice.dedupKey);
