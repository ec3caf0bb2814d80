import type { ComponentChildren } from "preact";
import { actWords } from "../i18n/acts.js";
import { may } from "../session.js";
import { toast } from "./toast.js";

/**
 * The button of an act that needs a scope. Without the scope it stays in reach of the keyboard, does nothing, and says
 * which scope is missing.
 */
export function ActButton({
  scope,
  onAct,
  look,
  children,
}: {
  readonly scope: string;
  readonly onAct: () => void;
  readonly look?: "primary" | "danger" | "plain";
  readonly children: ComponentChildren;
}) {
  if (may(scope)) {
    return (
      <button type="button" class={look} onClick={onAct}>
        {children}
      </button>
    );
  }
  const why = actWords().lacks(scope);
  return (
    <button type="button" class={look} aria-disabled="true" title={why} onClick={() => toast(why)}>
      {children}
    </button>
  );
}
