import { words } from "./words.js";

export const auditWords = words(
  {
    title: "The audit log cannot be searched here yet.",
    lead: "Each change leaves a line in the log of the gateway: who did what to which task, and what came of it.",
    where: "To read the lines of a local fleet:",
  },
  {
    title: "監査ログはまだここでは検索できません。",
    lead: "変更のたびに、誰が何をどのタスクに行い、どうなったかがゲートウェイのログに残ります。",
    where: "手元の環境では次のように読めます：",
  },
);
