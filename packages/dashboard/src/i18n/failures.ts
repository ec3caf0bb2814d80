import { words } from "./words.js";

/** What a failed call means: what happened, what was not lost, and what to do. */
export const failureWords = words(
  {
    unreachable: "The gateway did not answer.",
    refused: (detail: string) => `The gateway refused: ${detail}`,
    nothingChanged: "Nothing was changed.",
    mayHaveChanged: "It is not known whether the change was made. Look at the page again before you repeat it.",
    stillRuns: "Tasks go on without this page.",
    tryAgain: "Try again",
    retryIn: (wait: string) => `Try again in ${wait}.`,
    signIn: "Sign in again.",
    askForScope: "Ask an operator for a key with this scope.",
    correct: "Correct the input and send it again.",
    missing: "It may have ended and been removed. Look at the list again.",
    busy: "CCSP is busy. Try again in a moment.",
    away: "A part of CCSP is away. It is tried again by itself; `ccsp doctor` says which part.",
    report: "Try again. If it stays, the log of the gateway says more.",
    notYet: "This installation does not offer it.",
  },
  {
    unreachable: "ゲートウェイが応答しませんでした。",
    refused: (detail) => `ゲートウェイが拒否しました：${detail}`,
    nothingChanged: "何も変更されていません。",
    mayHaveChanged: "変更されたかどうかは不明です。繰り返す前にページを確認してください。",
    stillRuns: "タスクはこのページがなくても続きます。",
    tryAgain: "再試行",
    retryIn: (wait) => `${wait}後に再試行してください。`,
    signIn: "もう一度サインインしてください。",
    askForScope: "このスコープを持つキーを管理者に依頼してください。",
    correct: "入力を直して送り直してください。",
    missing: "終了して削除されたのかもしれません。一覧を確認してください。",
    busy: "CCSP が混み合っています。少し待って再試行してください。",
    away: "CCSP の一部が停止しています。自動で再試行します。`ccsp doctor` でどの部分か分かります。",
    report: "再試行してください。続く場合はゲートウェイのログを確認してください。",
    notYet: "この環境では提供されていません。",
  },
);
