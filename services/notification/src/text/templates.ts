/** A text for people, as Mustache without partials: what happened, in one line and in detail, and what to do. */
export interface Template {
  /** One line. */
  readonly title: string;
  /** Empty: the title says everything. */
  readonly text: string;
  /** Empty: nothing has to be done. A notice that says it itself wins. */
  readonly whatToDo: string;
}

export const LANGUAGES = ["en", "ja"] as const;
export type Language = (typeof LANGUAGES)[number];

const template = (title: string, whatToDo = "", text = ""): Template => ({ title, text, whatToDo });

/**
 * The texts of each kind of notice. A template sees the facts and the subject of the notice by their names, and `task`,
 * `agent`, `kind`, `severity` and `time`. `attempts` is set when `attempt` is not 1.
 */
export const TEMPLATES: Readonly<Record<string, Readonly<Record<Language, Template>>>> = {
  "task.completed": {
    en: template(
      "Task {{task}} of {{agent}} completed by {{engine}}{{#model}} ({{model}}){{/model}}, attempt {{attempt}}, {{#cost}}{{cost}}{{/cost}}{{^cost}}cost unknown{{/cost}}",
    ),
    ja: template(
      "{{agent}} のタスク {{task}} が {{engine}}{{#model}}（{{model}}）{{/model}} で完了しました（試行 {{attempt}} 回、{{#cost}}費用 {{cost}}{{/cost}}{{^cost}}費用は不明{{/cost}}）",
    ),
  },
  "task.failed": {
    en: template(
      "Task {{task}} of {{agent}} failed on {{engine}} after {{attempt}} attempt{{#attempts}}s{{/attempts}}: {{#category}}{{category}}{{#message}}, {{message}}{{/message}}{{/category}}{{^category}}no reason given{{/category}}",
      "Look at the task with `ccsp queue log {{task}}`. If the cause is gone, `ccsp retry {{task}}` runs it again.",
    ),
    ja: template(
      "{{agent}} のタスク {{task}} が {{engine}} で失敗しました（試行 {{attempt}} 回）：{{#category}}{{category}}{{#message}}、{{message}}{{/message}}{{/category}}{{^category}}理由は不明{{/category}}",
      "`ccsp queue log {{task}}` でタスクの記録を確認してください。原因を取り除いたら `ccsp retry {{task}}` で再実行できます。",
    ),
  },
  "task.cancelled": {
    en: template("Task {{task}} of {{agent}} was cancelled{{#why}}: {{why}}{{/why}}"),
    ja: template("{{agent}} のタスク {{task}} が取り消されました{{#why}}：{{why}}{{/why}}"),
  },
  "task.expired": {
    en: template("Task {{task}} of {{agent}} expired: it did not start before its deadline"),
    ja: template("{{agent}} のタスク {{task}} が期限切れになりました：開始期限までに開始されませんでした"),
  },
  "gate.closed": {
    en: template(
      "{{who}} paused {{scope}} until {{#until}}{{until}}{{/until}}{{^until}}it is opened{{/until}}: {{why}}",
    ),
    ja: template(
      "{{who}} が {{scope}} を一時停止しました（{{#until}}{{until}} まで{{/until}}{{^until}}再開されるまで{{/until}}）：{{why}}",
    ),
  },
  "gate.opened": {
    en: template("{{who}} resumed {{scope}}{{#why}}: {{why}}{{/why}}"),
    ja: template("{{who}} が {{scope}} を再開しました{{#why}}：{{why}}{{/why}}"),
  },
  "session.timeout": {
    en: template(
      "The login of {{engine}}{{#account}} ({{account}}){{/account}} ended{{#executor}}, found by executor {{executor}}{{/executor}}: no task starts with it until a person logs in and resumes it",
      "Log in again on the executor's host, or renew the key. Then close the issue, or run `ccsp session confirm {{engine}}{{#account}}/{{account}}{{/account}}`.",
    ),
    ja: template(
      "{{engine}}{{#account}}（{{account}}）{{/account}} のログインが切れました{{#executor}}（実行ホスト {{executor}} が検出）{{/executor}}：再ログインして再開するまで、このログインのタスクは開始されません",
      "実行ホストで再ログインするか、キーを更新してください。その後、イシューをクローズするか `ccsp session confirm {{engine}}{{#account}}/{{account}}{{/account}}` を実行してください。",
    ),
  },
  "session.refused": {
    en: template(
      "The login of {{engine}}{{#account}} ({{account}}){{/account}} is still refused: its tasks stay paused",
      "Log in again on the executor's host, or renew the key. Then close the issue, or run `ccsp session confirm {{engine}}{{#account}}/{{account}}{{/account}}`.",
    ),
    ja: template(
      "{{engine}}{{#account}}（{{account}}）{{/account}} のログインはまだ拒否されています：このログインのタスクは停止したままです",
      "実行ホストで再ログインするか、キーを更新してください。その後、イシューをクローズするか `ccsp session confirm {{engine}}{{#account}}/{{account}}{{/account}}` を実行してください。",
    ),
  },
  "session.valid": {
    en: template("The login of {{engine}}{{#account}} ({{account}}){{/account}} works, shown by a {{proof}}"),
    ja: template(
      "{{engine}}{{#account}}（{{account}}）{{/account}} のログインが有効であることを確認しました（{{proof}}）",
    ),
  },
  "session.recovered": {
    en: template(
      "The login of {{engine}}{{#account}} ({{account}}){{/account}} works again: its tasks start{{#cause}} ({{cause}}){{/cause}}",
    ),
    ja: template(
      "{{engine}}{{#account}}（{{account}}）{{/account}} のログインが回復しました：タスクが再び開始されます{{#cause}}（{{cause}}）{{/cause}}",
    ),
  },
  "emergency.stop": {
    en: template(
      "EMERGENCY STOP ({{level}}) by {{who}}: {{why}}",
      'When the danger is over, run `ccsp emergency resume --why "the danger is over"`.',
    ),
    ja: template(
      "緊急停止（{{level}}、{{who}} による）：{{why}}",
      '危険がなくなったら `ccsp emergency resume --why "the danger is over"` を実行してください。',
    ),
  },
  "emergency.resume": {
    en: template("{{who}} ended the emergency stop{{#why}}: {{why}}{{/why}}"),
    ja: template("{{who}} が緊急停止を解除しました{{#why}}：{{why}}{{/why}}"),
  },
  "usage.threshold": {
    en: template(
      "{{limit}} {{name}} has used {{percent}} % (threshold {{threshold}} %){{#exhausted}}, and is predicted to run out at {{exhausted}}{{/exhausted}}{{#refuses}}: new work is refused{{/refuses}}{{#parks}}: new work waits{{/parks}}",
      "See what uses it with `ccsp usage`. Raise the budget, or let agents use less.",
    ),
    ja: template(
      "{{limit}} {{name}} の使用率が {{percent}} % です（しきい値 {{threshold}} %）{{#exhausted}}。{{exhausted}} に使い切る見込みです{{/exhausted}}{{#refuses}}。新しいタスクは拒否されます{{/refuses}}{{#parks}}。新しいタスクは待機します{{/parks}}",
      "`ccsp usage` で使用量を確認し、予算を増やすか、使用を減らしてください。",
    ),
  },
  "alert.firing": {
    en: template("{{rule}}: {{summary}}{{#many}} ({{many}} alerts){{/many}}"),
    ja: template("{{rule}}：{{summary}}{{#many}}（アラート {{many}} 件）{{/many}}"),
  },
  "alert.resolved": {
    en: template("Resolved: {{rule}}{{#summary}}: {{summary}}{{/summary}}"),
    ja: template("解消：{{rule}}{{#summary}}：{{summary}}{{/summary}}"),
  },
  "channel.failing": {
    en: template(
      "The channel {{channel}} has not taken a notice, and it was given up: {{why}}",
      "Try the channel with `ccsp notify test {{channel}}`. When it works, `ccsp notify retry --channel {{channel}}` sends the notice again.",
    ),
    ja: template(
      "チャンネル {{channel}} が通知を受け付けず、送信を断念しました：{{why}}",
      "`ccsp notify test {{channel}}` でチャンネルを試し、直ったら `ccsp notify retry --channel {{channel}}` で再送してください。",
    ),
  },
  "channel.partial": {
    en: template(
      "The channel {{channel}} does not deliver everything: {{why}}",
      "Correct or remove these recipients in the file of channels and restart the notification service, or give the token the permission.",
    ),
    ja: template(
      "チャンネル {{channel}} の通知の一部が届いていません：{{why}}",
      "チャンネルのファイルで宛先を訂正または削除して通知サービスを再起動するか、トークンに権限を与えてください。",
    ),
  },
  "channel.test": {
    en: template("A test of the channel {{channel}}{{#who}} by {{who}}{{/who}}: if you can read this, it works"),
    ja: template("チャンネル {{channel}} のテスト{{#who}}（{{who}} による）{{/who}}：この文が読めれば正常です"),
  },
};

/** The text of a kind that has none of its own. */
export const ANY_KIND: Readonly<Record<Language, Template>> = {
  en: template("{{kind}}{{#about}}: {{about}}{{/about}}"),
  ja: template("{{kind}}{{#about}}：{{about}}{{/about}}"),
};

/** The words around the text. */
export const WORDS: Readonly<Record<Language, Readonly<Record<Word, string>>>> = {
  en: {
    whatToDo: "What to do",
    resolved: "Resolved",
    repeats: "It happened {{repeats}} more times since the last message.",
    severity: "severity",
    notice: "notice",
    more: "{{more}} more",
  },
  ja: {
    whatToDo: "対応",
    resolved: "解消",
    repeats: "前回の通知から、同じことがさらに {{repeats}} 回発生しました。",
    severity: "重大度",
    notice: "通知",
    more: "ほか {{more}} 件",
  },
};
type Word = "whatToDo" | "resolved" | "repeats" | "severity" | "notice" | "more";
