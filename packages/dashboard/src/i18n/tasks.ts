import { number } from "../format.js";
import { words } from "./words.js";

const s = (count: number): string => (count === 1 ? "" : "s");
const tasks = (count: number): string => `${number(count)} task${s(count)}`;

export const tasksWords = words(
  {
    title: (running: number, waiting: number) =>
      running + waiting === 0
        ? "No task runs or waits."
        : `${tasks(running)} run${running === 1 ? "s" : ""}, ${number(waiting)} wait${waiting === 1 ? "s" : ""}.`,
    ownTitle: "Your tasks",
    lead: (ended: number) => `${number(ended)} that have ended are kept. The newest stand first.`,
    ownLead: "The newest stand first.",
    filter: "Filter",
    anyClass: "any class",
    anyEngine: "any engine",
    agent: "Agent",
    label: "Label, such as repo=ccsp",
    text: "Text of id or prompt",
    labelForm: "Write a label as key=value.",
    clear: "Show all",
    accepted: "Accepted",
    took: "Time",
    list: "Tasks",
    shown: (count: number) => `${tasks(count)} shown.`,
    all: (count: number) => (count === 0 ? "" : `${tasks(count)}: that is all.`),
    searching: (searched: number, found: number) => `${number(found)} found in the newest ${number(searched)} …`,
    noMatch: "No task matches this filter.",
    empty: "No task yet. Run this:",
    cancelMatching: "Cancel these …",
    retryMatching: "Retry these …",
    needsFilter: "Set a filter first: it says which tasks.",
    noText: "The text is looked for in this page only. Use another filter for acts on many tasks.",
    noneMatches: "No task of this filter can be changed.",
    cancelTitle: (count: number) => `Cancel ${tasks(count)}?`,
    cancelEffect: (count: number, running: number) =>
      `It ends ${number(running)} run${s(running)} and ${tasks(count - running)} that wait. This cannot be undone.`,
    cancelAct: "Cancel the tasks",
    cancelled: (done: number, matched: number, took: string) =>
      `${number(done)} of ${tasks(matched)} cancelled, ${took}.`,
    retryTitle: (count: number) => `Retry ${tasks(count)}?`,
    retryEffect: (count: number) =>
      `It puts ${tasks(count)} that failed or expired back into the queue. All their attempts are available again.`,
    retryAct: "Retry the tasks",
    retried: (done: number, matched: number, took: string) => `${number(done)} of ${tasks(matched)} put back, ${took}.`,
    running: "running",
  },
  {
    title: (running, waiting) =>
      running + waiting === 0
        ? "実行中・待機中のタスクはありません。"
        : `${number(running)} 件が実行中、${number(waiting)} 件が待機中。`,
    ownTitle: "自分のタスク",
    lead: (ended) => `終了した ${number(ended)} 件を保持しています。新しい順です。`,
    ownLead: "新しい順です。",
    filter: "絞り込み",
    anyClass: "すべてのクラス",
    anyEngine: "すべてのエンジン",
    agent: "エージェント",
    label: "ラベル（例 repo=ccsp）",
    text: "ID・プロンプトの文字",
    labelForm: "ラベルは key=value と書いてください。",
    clear: "すべて表示",
    accepted: "受付",
    took: "時間",
    list: "タスク",
    shown: (count) => `${number(count)} 件を表示。`,
    all: (count) => (count === 0 ? "" : `全 ${number(count)} 件です。`),
    searching: (searched, found) => `新しい ${number(searched)} 件の中に ${number(found)} 件 …`,
    noMatch: "条件に合うタスクはありません。",
    empty: "タスクはまだありません。次を実行してください：",
    cancelMatching: "これらを取り消す …",
    retryMatching: "これらを再実行 …",
    needsFilter: "先に絞り込みを指定してください。対象が決まります。",
    noText: "文字検索はこのページ内だけです。一括操作には別の条件を使ってください。",
    noneMatches: "この条件で変更できるタスクはありません。",
    cancelTitle: (count) => `${number(count)} 件を取り消しますか？`,
    cancelEffect: (count, running) =>
      `実行中の ${number(running)} 件と待機中の ${number(count - running)} 件を終了します。元に戻せません。`,
    cancelAct: "タスクを取り消す",
    cancelled: (done, matched, took) => `${number(matched)} 件中 ${number(done)} 件を取り消しました（${took}）。`,
    retryTitle: (count) => `${number(count)} 件を再実行しますか？`,
    retryEffect: (count) =>
      `失敗または期限切れの ${number(count)} 件をキューに戻します。試行回数は最初からになります。`,
    retryAct: "再実行する",
    retried: (done, matched, took) => `${number(matched)} 件中 ${number(done)} 件を戻しました（${took}）。`,
    running: "実行中",
  },
);
