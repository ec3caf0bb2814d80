import { ErrorReason } from "@ccsp/protos/ccsp/error/v1/reason.js";

/** Why a call was refused: the closed list of `ccsp.error.v1.ErrorReason`, without the value that is never sent. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">;

/** Every reason, in the order of the proto. */
export const REASONS: readonly Reason[] = Object.keys(ErrorReason).filter(isReason);

function isReason(name: string): name is Reason {
  // A numeric enum also maps each number back to its name.
  return !/^-?\d+$/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED";
}
