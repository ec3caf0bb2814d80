import { number } from "../format.js";
import { words } from "./words.js";

const s = (count: number): string => (count === 1 ? "" : "s");

export const emergencyWords = words(
  {
    button: "Emergency stop",
    title: "Emergency stop",
    inForce: "An emergency stop is in force",
    level: "How far",
    levels: {
      NO_SUBMIT: "Accept no task",
      NO_START: "Start no task",
      PARK_RUNNING: "End the runs; their tasks wait for the resume",
      KILL: "Kill the runs; their tasks end as cancelled",
    },
    effects: {
      NO_SUBMIT: (_runs: number, _waiting: number) => "New tasks are refused. What waits and runs goes on.",
      NO_START: (runs: number, waiting: number) =>
        `New tasks are refused, and ${number(waiting)} waiting task${s(waiting)} will not start. ${number(runs)} run${s(runs)} go${runs === 1 ? "es" : ""} on.`,
      PARK_RUNNING: (runs: number, waiting: number) =>
        `Ends ${number(runs)} run${s(runs)}; their tasks and ${number(waiting)} that wait start again after the resume. It costs no attempt.`,
      KILL: (runs: number, waiting: number) =>
        `Kills ${number(runs)} run${s(runs)} at once; their tasks end as cancelled. This cannot be undone. ${number(waiting)} waiting task${s(waiting)} will not start.`,
    },
    effectUnknown: "What runs and waits cannot be read now, so nobody knows what this ends.",
    why: "Why (everybody sees it)",
    word: "stop",
    stop: "Stop now",
    receipts: "Executors",
    receipt: (ended: number, left: number) => `${number(ended)} ended, ${number(left)} left`,
    noReceipt: "has not answered yet",
    noExecutor: "No executor is connected.",
    noRunsTouched: "At this level no run is ended.",
    done: (ended: number, left: number, took: string) => `${number(ended)} ended, ${number(left)} left, ${took}`,
    by: (who: string, since: string) => `By ${who} since ${since}`,
    resume: "Resume",
    resumeWhy: "Why it can go on",
    resumed: "The emergency stop has ended.",
    raise: "Raise the level",
    mayNot: "Your sign-in lacks the scope `queue:manage`: ask an operator, or use `ccsp emergency stop`.",
  },
  {
    button: "緊急停止",
    title: "緊急停止",
    inForce: "緊急停止中です",
    level: "停止の範囲",
    levels: {
      NO_SUBMIT: "新しいタスクを受け付けない",
      NO_START: "タスクを開始しない",
      PARK_RUNNING: "実行を終了し、タスクは再開まで待つ",
      KILL: "実行を強制終了し、タスクは取消で終わる",
    },
    effects: {
      NO_SUBMIT: () => "新しいタスクは拒否されます。待機中と実行中のものは続きます。",
      NO_START: (runs, waiting) =>
        `新しいタスクは拒否され、待機中の ${number(waiting)} 件は開始されません。実行中の ${number(runs)} 件は続きます。`,
      PARK_RUNNING: (runs, waiting) =>
        `実行中の ${number(runs)} 件を終了します。そのタスクと待機中の ${number(waiting)} 件は再開後に始まります。試行回数は減りません。`,
      KILL: (runs, waiting) =>
        `実行中の ${number(runs)} 件を直ちに強制終了し、そのタスクは取消で終わります。元に戻せません。待機中の ${number(waiting)} 件は開始されません。`,
    },
    effectUnknown: "実行中と待機中のタスクを今は読み取れないため、何が終わるかは不明です。",
    why: "理由（全員に表示されます）",
    word: "停止",
    stop: "今すぐ停止",
    receipts: "実行ホスト",
    receipt: (ended, left) => `${number(ended)} 件終了、残り ${number(left)} 件`,
    noReceipt: "まだ応答がありません",
    noExecutor: "接続中の実行ホストはありません。",
    noRunsTouched: "この範囲では実行は終了しません。",
    done: (ended, left, took) => `${number(ended)} 件終了、残り ${number(left)} 件、${took}`,
    by: (who, since) => `${who} が ${since} に開始`,
    resume: "再開",
    resumeWhy: "再開できる理由",
    resumed: "緊急停止を解除しました。",
    raise: "範囲を広げる",
    mayNot:
      "サインインにスコープ `queue:manage` がありません。管理者に依頼するか `ccsp emergency stop` を使ってください。",
  },
);
