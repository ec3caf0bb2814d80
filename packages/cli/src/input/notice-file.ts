import { nearestName } from "@ccsp/config";
import { Notice } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { fromJson } from "@ccsp/protos/from-json.js";
import { CliError, EXIT } from "../process/exit.js";
import { readInputFile, textOf } from "./read-input.js";

/** The fields of a notice, as the JSON form of CCSP writes them. */
const FIELDS = Object.keys(Notice.fromPartial({ time: new Date(0) }));

/** Reads a file with a notice in JSON. Severity and action may be in small letters, and what is not known is refused. */
export async function noticeIn(path: string): Promise<Notice> {
  const text = textOf(await readInputFile("the notice", path), `the notice ${path}`);
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("it is no JSON object");
    const given: Record<string, unknown> = { ...json };
    for (const field of Object.keys(given)) {
      if (FIELDS.includes(field)) continue;
      const near = nearestName(
        field,
        FIELDS.map((each) => each.toUpperCase()),
      );
      const meant = FIELDS.find((each) => each.toUpperCase() === near);
      const known = meant === undefined ? `known are ${FIELDS.join(", ")}` : `did you mean ${meant}?`;
      throw new Error(`${field} is not known: ${known}`);
    }
    for (const field of ["severity", "action"]) {
      const word = given[field];
      if (typeof word === "string") given[field] = word.toUpperCase();
    }
    const notice = Notice.fromPartial(fromJson("ccsp.notification.v1.Notice", given));
    return { ...notice, dedupKey: notice.dedupKey || "preview" };
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `${path} holds no notice: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
