import { words } from "./words.js";

export const paletteWords = words(
  {
    title: "Find",
    hint: "A task's id, prompt, label or agent, a page, or an act",
    pages: "Pages",
    acts: "Acts",
    tasks: "Tasks",
    searching: "Searching …",
    nothing: (text: string) => `Nothing is called "${text}".`,
    emergency: "Emergency stop",
    language: "日本語で表示",
    dark: "Dark colours",
    light: "Light colours",
  },
  {
    title: "検索",
    hint: "タスクの ID・プロンプト・ラベル・エージェント、ページ、操作",
    pages: "ページ",
    acts: "操作",
    tasks: "タスク",
    searching: "検索中 …",
    nothing: (text) => `「${text}」は見つかりません。`,
    emergency: "緊急停止",
    language: "Show in English",
    dark: "ダーク配色",
    light: "ライト配色",
  },
);
