import { stateWords, wordOf } from "../i18n/states.js";
import { workWords } from "../i18n/work.js";
import type { QueueStatus } from "../routes.js";

export type Gate = QueueStatus["gates"][number];
export type GateScope = NonNullable<Gate["scope"]>;

/** What a gate holds, in words. */
export function scopeWords(scope: GateScope | undefined): string {
  const { scopes } = workWords();
  if (scope?.emergency) return scopes.emergency;
  if (scope?.priority) return scopes.priority(wordOf(stateWords().priority, scope.priority));
  if (scope?.engine) return scopes.engine(scope.engine);
  if (scope?.agentId) return scopes.agentId(scope.agentId);
  if (scope?.label) return scopes.label(scope.label);
  if (scope?.account) return scopes.account([scope.account.engine, scope.account.account].join("/"));
  if (scope?.model) return scopes.model(scope.model);
  return scopes.all;
}
