import { words } from "./words.js";

/** Words of CCSP's own states and classes, as pages show them. */
export const stateWords = words(
  {
    priority: { URGENT: "urgent", HIGH: "high", NORMAL: "normal", LOW: "low" },
    task: {
      SCHEDULED: "scheduled",
      QUEUED: "waiting",
      PARKED: "parked",
      LEASED: "starting",
      RUNNING: "running",
      CANCELLING: "cancelling",
      SUCCEEDED: "succeeded",
      FAILED: "failed",
      CANCELLED: "cancelled",
      EXPIRED: "expired",
    },
  },
  {
    priority: { URGENT: "緊急", HIGH: "高", NORMAL: "通常", LOW: "低" },
    task: {
      SCHEDULED: "予約済み",
      QUEUED: "待機中",
      PARKED: "保留中",
      LEASED: "開始中",
      RUNNING: "実行中",
      CANCELLING: "取消中",
      SUCCEEDED: "成功",
      FAILED: "失敗",
      CANCELLED: "取消済み",
      EXPIRED: "期限切れ",
    },
  },
);

/** The word of a value that a newer gateway may not have told us about: then the value itself. */
export const wordOf = (table: Readonly<Record<string, string>>, value: string): string => table[value] ?? value;
