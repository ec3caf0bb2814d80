import { Notice, NoticeAction, Severity } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { fromJson } from "@ccsp/protos/from-json.js";
import { CliError, EXIT } from "../process/exit.js";
import { readInputFile, textOf } from "./read-input.js";

/** Reads a file with a notice in JSON. Severity and action may be in small letters, and what is not known is refused. */
export async function noticeIn(path: string): Promise<Notice> {
  const text = textOf(await readInputFile("the notice", path), `the notice ${path}`);
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("it is not a JSON object");
    const given: Record<string, unknown> = { ...json };
    for (const field of ["severity", "action"]) {
      const word = given[field];
      if (typeof word === "string") given[field] = word.toUpperCase();
    }
    const notice = Notice.fromPartial(fromJson("ccsp.notification.v1.Notice", given));
    if (!isKnown(Severity, notice.severity)) throw new Error("severity is not known");
    if (!isKnown(NoticeAction, notice.action)) throw new Error("action is not known");
    return { ...notice, dedupKey: notice.dedupKey || "preview" };
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `${path} holds no notice: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** JSON may have the number of an enum's value, which `fromJson` takes also from a newer release. */
const isKnown = (values: object, value: number): boolean => value >= 0 && value in values;
