import { valueInUnits } from "../format.js";
import { locale } from "../settings.js";

/** The alerts' texts in Japanese. What the services say is in English; a place in braces is what they fill in. */
const ALERTS_JA: Readonly<Record<string, string>> = {
  "{value} of the {window} window of {engine}/{account} is used":
    "{engine}/{account} の利用枠 {window} を {value} 使用しました",
  "Run `ccsp usage --by agent --since 5h` to see who uses it. Lower the class of what can wait, or set a budget. Tasks are not lost when the window is full: they wait until it opens.":
    "`ccsp usage --by agent --since 5h` で使用者を確認してください。急がないタスクのクラスを下げるか、予算を設定してください。利用枠を使い切ってもタスクは失われず、枠が戻るまで待ちます。",
  "{value} of the {window} window of {engine}/{account} is used: its tasks will soon wait":
    "{engine}/{account} の利用枠 {window} を {value} 使用しました。まもなくタスクは待機します",
  "Pause what can wait (`ccsp pause class/low --why ...`), or add an account. The tasks of this account wait from 100 % until the window opens.":
    "急がないタスクを一時停止するか（`ccsp pause class/low --why ...`）、アカウントを追加してください。100 % に達すると、このアカウントのタスクは枠が戻るまで待ちます。",
  "{value} of the budget {budget} is used": "予算 {budget} を {value} 使用しました",
  "Run `ccsp budget list`. Talk to its holder, or raise the budget, before it is used up.":
    "`ccsp budget list` で確認し、使い切る前に予算の対象者と相談するか、予算を増やしてください。",
  "The budget {budget} is used up: {value}": "予算 {budget} を使い切りました（{value}）",
  "New work of its holder is refused or waits until the period turns. Raise the budget if it must not.":
    "次の期間まで、対象者の新しい作業は拒否されるか待機します。それでは困る場合は予算を増やしてください。",
  "The state of the budgets is {value} old: the queue enforces what was known then":
    "予算の状態が {value}前のものです。キューはその時点の状態に従っています",
  "Check that the monitor runs and reads events: `ccsp status`, and its log.":
    "monitor が動作し、イベントを読み取っているか、`ccsp status` とログで確認してください。",
  "{value} of the runs of {engine} failed in the last 15 minutes":
    "直近 15 分間に {engine} の実行の {value} が失敗しました",
  "Run `ccsp queue list --state failed` and `ccsp queue log TASK`. `ccsp retry --error CATEGORY` puts failed tasks back when the cause is gone.":
    "`ccsp queue list --state failed` と `ccsp queue log TASK` で確認してください。原因を取り除いたら `ccsp retry --error CATEGORY` で失敗したタスクを戻せます。",
  "The oldest urgent task of {engine} has waited {value}":
    "{engine} のクラス「緊急」で最も古いタスクが {value}待っています",
  "The oldest high task of {engine} has waited {value}":
    "{engine} のクラス「高」で最も古いタスクが {value}待っています",
  "The oldest normal task of {engine} has waited {value}":
    "{engine} のクラス「通常」で最も古いタスクが {value}待っています",
  "The oldest low task of {engine} has waited {value}": "{engine} のクラス「低」で最も古いタスクが {value}待っています",
  "Run `ccsp queue status` and `ccsp queue list --state queued`, and `ccsp queue explain TASK` for the oldest one. Add slots or executors, or lower the class of what can wait.":
    "`ccsp queue status` と `ccsp queue list --state queued` を実行し、最も古いタスクは `ccsp queue explain TASK` で確認してください。スロットか実行ホストを増やすか、急がないタスクのクラスを下げてください。",
  "{value} runs of {engine} failed in the last 15 minutes for a reason that CCSP does not know":
    "直近 15 分間に {engine} の実行 {value} 件が、CCSP の知らない理由で失敗しました",
  "Run `ccsp queue list --state failed` and `ccsp queue log TASK` to see what the engine said. A new version of the engine may word an error differently: report it, so that CCSP learns it.":
    "`ccsp queue list --state failed` と `ccsp queue log TASK` でエンジンの出力を確認してください。エンジンの新しい版でエラーの文言が変わった可能性があります。CCSP が対応できるよう報告してください。",
  "Work waits for {engine}, slots are free, and nothing has started for {value}":
    "{engine} を待つタスクがあり、スロットも空いていますが、{value}の間何も開始されていません",
  "Run `ccsp executor list` and `ccsp queue explain TASK`, and read the log of the executor.":
    "`ccsp executor list` と `ccsp queue explain TASK` を実行し、実行ホストのログを確認してください。",
  "Work waits for {engine}, and none of its runs has ended for {value}":
    "{engine} を待つタスクがありますが、{value}の間どの実行も終了していません",
  "Run `ccsp executor runs` and `ccsp executor tail TASK`. Cancel runs that hang, or add slots.":
    "`ccsp executor runs` と `ccsp executor tail TASK` で確認してください。止まっている実行を取り消すか、スロットを増やしてください。",
  "Work has waited for {engine} for {value}, and no executor offers it":
    "{engine} を待つタスクが {value}待っていますが、提供する実行ホストがありません",
  "Start an executor with this engine. `ccsp executor list` shows those that run, and which of them drain.":
    "このエンジンを持つ実行ホストを起動してください。稼働中のものと受け取り停止中のものは `ccsp executor list` で分かります。",
  "The executor {executor} has vanished without a stop": "実行ホスト {executor} が停止手順なしに消えました",
  "Check its host and its log. Its tasks went back to the queue and lose nothing. Start it again, or drain it before you stop it.":
    "ホストとログを確認してください。タスクはキューに戻り、何も失われません。再び起動してください。今後は受け取りを止めてから停止してください。",
  "The {service} {instance} no longer reports": "{service} {instance} からの報告が途絶えています",
  "Check whether the process runs, whether its event loop turns (`/health`), and whether it reaches the monitor.":
    "プロセスが動作しているか、イベントループが動いているか（`/health`）、monitor に接続できるかを確認してください。",
  "The {service} {instance} has ended {value} times in 15 minutes without a stop, and runs again":
    "{service} {instance} が 15 分間に {value} 回異常終了し、再び動作しています",
  "Read its log from before its start, and what its host says: `journalctl -u ccsp-*`, `dmesg` (out of memory). Nothing that was accepted is lost.":
    "起動前のログと、ホストの記録（`journalctl -u ccsp-*`、メモリ不足は `dmesg`）を確認してください。受け付けたものは失われていません。",
  "Task {task} of {agent} has run {value} times as long as 95 % of the runs of {engine}":
    "{agent} のタスク {task} の実行時間が、{engine} の実行の 95 % が収まる時間の {value} 倍に達しています",
  "Run `ccsp executor tail TASK` to see what it does, and `ccsp queue cancel TASK` to stop it.":
    "`ccsp executor tail TASK` で動作を確認し、止める場合は `ccsp queue cancel TASK` を実行してください。",
  "{value} events that {group} could not handle are parked":
    "{group} が処理できなかったイベント {value} 件を保留しています",
  "Read the log of the service for `event parked`: it names the event and the fault. packages/events/README.md (Poison) says how to deliver them again.":
    "サービスのログで `event parked` を探すと、イベントと障害が分かります。再配信の方法は packages/events/README.md（Poison）にあります。",
  "The certificate of the {service} {instance} expires in {value}":
    "{service} {instance} の証明書はあと {value}で期限が切れます",
  "Run `ccsp certs init` where the certificates are made: it renews what is due. Put the new files into place (docs/security.md).":
    "証明書を作成しているホストで `ccsp certs init` を実行すると、期限の近いものが更新されます。新しいファイルを配置してください（docs/security.md）。",
  "Only {value} of the disk of the {service} {instance} is free":
    "{service} {instance} のディスクの空きが {value} しかありません",
  "Delete what is not needed: old logs, working folders of tasks, and core files. A full disk stops Redis and runs.":
    "古いログ、タスクの作業フォルダ、コアファイルなど、不要なものを削除してください。ディスクがいっぱいになると Redis と実行が停止します。",
  "The error budget of {slo} burns {value} times as fast as it may: at 14.4 times, a month's budget is gone in two days":
    "{slo} のエラーバジェットを許容の {value} 倍の速さで消費しています（14.4 倍では 1 か月分が 2 日でなくなります）",
  "Run `ccsp slo`, then look at what fails now: `ccsp status`, and the logs of the services.":
    "`ccsp slo` を実行し、今何が失敗しているかを `ccsp status` と各サービスのログで確認してください。",
  "The error budget of {slo} burns at {value} times the rate of this alert (6 over 6 hours, or 1 over 3 days): it will not last for the period":
    "{slo} のエラーバジェットを、このアラートの基準（6 時間で 6 倍、または 3 日間で 1 倍）の {value} 倍の速さで消費しています。期間の終わりまで足りません",
  "Run `ccsp slo`, and look for the cause in the next days. Nobody has to get up for it.":
    "`ccsp slo` を実行し、数日のうちに原因を調べてください。夜間に対応する必要はありません。",
};

/** Why a task waits, in the words of the queue, where they say more than the kind of the reason. */
const BLOCKERS_JA: Readonly<Record<string, string>> = {
  "it is parked after {category} until it is tried again": "{category} のため再試行まで保留中",
  "the rate limit of engine {name} is used up": "エンジン {name} の開始レートの上限",
  "the rate limit of agent {name} is used up": "エージェント {name} の開始レートの上限",
  "{running} tasks of agent {name} run, of at most {most} at once":
    "エージェント {name} の同時実行の上限 {most} 件（{running} 件実行中）",
  "{running} tasks of label {name} run, of at most {most} at once":
    "ラベル {name} の同時実行の上限 {most} 件（{running} 件実行中）",
  "it waits for its answer from the cache": "キャッシュの回答待ち",
  "it waits for executor {name}, which does not offer {engine} now":
    "実行ホスト {name} 待ち（今は {engine} を提供していません）",
  "it waits for executor {name}, which has no free slot": "実行ホスト {name} の空きスロット待ち",
  "no executor offers {engine}": "{engine} を提供する実行ホストがありません",
  "no executor offers {engine}: those that did are draining":
    "{engine} を提供する実行ホストは、すべて受け取り停止中です",
  "of {scope}: budget {name} ({text}) is used up until {until}": "予算 {name} を使い切りました",
  "all {slots} slots for {engine} are taken": "{engine} のスロット {slots} 個はすべて使用中",
  "{running} urgent tasks of {engine} run, and no more than {most} may overtake":
    "緊急タスクの割り込みの上限 {most} 件（{engine} で {running} 件実行中）",
  "{before} tasks have their turn before it": "順番待ち（先に {before} 件）",
  "{before} tasks have their turn before it, {own} of them its own agent's":
    "順番待ち（先に {before} 件、うち同じエージェント {own} 件）",
};

/** Why an instance is not well. */
const HEALTH_JA: Readonly<Record<string, string>> = {
  stopped: "停止しました",
  "no heartbeat for {value}": "{value}の間、応答がありません",
  "takes no new work": "新しい作業を受け取りません",
};

/** Why a login was not checked. */
const SESSIONS_JA: Readonly<Record<string, string>> = {
  "no executor with this account is connected": "このアカウントの実行ホストが接続していません",
  "an emergency stop is in force": "緊急停止中です",
};

/** One line of each notice. The least special ones are the last: the first that fits is taken. */
const NOTICES_JA: Readonly<Record<string, string>> = {
  "Task {task} of {agent} completed by {engine}, attempt {attempt}, cost unknown":
    "{agent} のタスク {task} が {engine} で完了しました（試行 {attempt} 回、費用は不明）",
  "Task {task} of {agent} completed by {engine}, attempt {attempt}, {cost}":
    "{agent} のタスク {task} が {engine} で完了しました（試行 {attempt} 回、費用 {cost}）",
  "Task {task} of {agent} completed by {engine} ({model}), attempt {attempt}, cost unknown":
    "{agent} のタスク {task} が {engine}（{model}）で完了しました（試行 {attempt} 回、費用は不明）",
  "Task {task} of {agent} completed by {engine} ({model}), attempt {attempt}, {cost}":
    "{agent} のタスク {task} が {engine}（{model}）で完了しました（試行 {attempt} 回、費用 {cost}）",
  "Task {task} of {agent} failed on {engine} after 1 attempt: {why}":
    "{agent} のタスク {task} が {engine} で失敗しました（試行 1 回）：{why}",
  "Task {task} of {agent} failed on {engine} after {attempt} attempts: {why}":
    "{agent} のタスク {task} が {engine} で失敗しました（試行 {attempt} 回）：{why}",
  "Task {task} of {agent} was cancelled": "{agent} のタスク {task} が取り消されました",
  "Task {task} of {agent} was cancelled: {why}": "{agent} のタスク {task} が取り消されました：{why}",
  "Task {task} of {agent} expired: it did not start before its deadline":
    "{agent} のタスク {task} が期限切れになりました：開始期限までに開始されませんでした",
  "The login of {engine} ({account}) is still refused: its tasks stay paused":
    "{engine}（{account}）のログインはまだ拒否されています：このログインのタスクは停止したままです",
  "The login of {engine} ({account}) ended, found by executor {executor}: no task starts with it until a person logs in and resumes it":
    "{engine}（{account}）のログインが切れました（実行ホスト {executor} が検出）：再ログインして再開するまで、このログインのタスクは開始されません",
  "The login of {engine} ({account}) works, shown by a {why}":
    "{engine}（{account}）のログインが有効であることを確認しました（{why}）",
  "The login of {engine} ({account}) works again: its tasks start":
    "{engine}（{account}）のログインが回復しました：タスクが再び開始されます",
  "EMERGENCY STOP ({level}) by {who}: {why}": "緊急停止（{level}、{who} による）：{why}",
  "{who} ended the emergency stop": "{who} が緊急停止を解除しました",
  "{who} ended the emergency stop: {why}": "{who} が緊急停止を解除しました：{why}",
  "The channel {channel} has not taken a notice, and it was given up: {why}":
    "通知先 {channel} が通知を受け付けず、送信を断念しました：{why}",
  "The channel {channel} does not deliver everything: {why}": "通知先 {channel} の通知の一部が届いていません：{why}",
  "A test of the channel {channel}: if you can read this, it works":
    "通知先 {channel} のテスト：この文が読めれば正常です",
  "A test of the channel {channel} by {who}: if you can read this, it works":
    "通知先 {channel} のテスト（{who} による）：この文が読めれば正常です",
  "{who} paused {scope} until it is opened: {why}": "{who} が {scope} を一時停止しました（再開されるまで）：{why}",
  "{who} paused {scope} until {until}: {why}": "{who} が {scope} を一時停止しました（{until} まで）：{why}",
  "{limit} {name} has used {percent} % (threshold {threshold} %): new work is refused":
    "{limit} {name} の使用率が {percent} % です（しきい値 {threshold} %）。新しいタスクは拒否されます",
  "{limit} {name} has used {percent} % (threshold {threshold} %): new work waits":
    "{limit} {name} の使用率が {percent} % です（しきい値 {threshold} %）。新しいタスクは待機します",
  "{limit} {name} has used {percent} % (threshold {threshold} %)":
    "{limit} {name} の使用率が {percent} % です（しきい値 {threshold} %）",
  "Resolved: {rule}": "解消：{rule}",
  "Resolved: {rule}: {text}": "解消：{rule}：{text}",
  "{count} alerts of {rule}; the worst: {text}": "{rule} のアラート {count} 件、最も重いもの：{text}",
  "{rule}: {text} ({many} alerts)": "{rule}：{text}（アラート {many} 件）",
  "{rule}: {text}": "{rule}：{text}",
};

/** Every text of a service that the page says in Japanese, by its English form. */
const SERVER_TEXTS_JA: Readonly<Record<string, string>> = {
  ...ALERTS_JA,
  ...BLOCKERS_JA,
  ...HEALTH_JA,
  ...SESSIONS_JA,
  ...NOTICES_JA,
};

const PLACE = /\{(\w+)\}/g;

/** Places whose text may have blanks, such as `2 h`. Names have none. */
const WITH_BLANKS = ["value", "why", "text", "scope", "until"];

const patternOf = (english: string): RegExp =>
  new RegExp(
    `^${english
      .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
      .replaceAll(
        PLACE,
        (_, name: string) => `(?<${name}>${WITH_BLANKS.includes(name) ? ".+?" : String.raw`\S+?`})`,
      )}$`,
  );

let patterns: readonly (readonly [RegExp, string])[] | undefined;

/**
 * A text of a service in the language of the page. A text that CCSP does not bring, such as that of an operator's own
 * rule, stays as it is.
 */
export function serverText(text: string): string {
  if (locale.value === "en") return text;
  patterns ??= Object.entries(SERVER_TEXTS_JA).map(([english, japanese]) => [patternOf(english), japanese]);
  for (const [pattern, japanese] of patterns) {
    const filled = pattern.exec(text);
    if (!filled) continue;
    return japanese.replaceAll(PLACE, (place, name: string) => {
      const value = filled.groups?.[name] ?? place;
      return name === "text" ? serverText(value) : valueInUnits(value);
    });
  }
  return text;
}
