import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { faultOf, tellOf, windowEvent } from "./faults.mjs";
import { createOutput, resultOf } from "./lines.mjs";
import { withoutMarkers } from "./markers.mjs";
import { beAsked, crash, gather, hang, hoard, ignoreSignals, leave, leaveChild, stall } from "./misbehave.mjs";

const PIECE = 256;
const FLOOD_PIECE = 8 * 1024;
const FLOOD_LINE_BYTES = 64;
const GATE_POLL_MS = 10;

/** Runs one turn. Resolves to the exit code of the process. */
export async function answer({ prompt, markers, flags, session }) {
  const startedMs = Date.now();
  const output = createOutput({ flags, session, splitBytes: markers.number("split", 0) });
  if (markers.has("ignore-sigterm")) ignoreSignals();
  const children = leaveChildren(markers);
  if (markers.has("empty-exit-0")) await leave(0);
  if (markers.has("hang-before-init")) await hang();
  await output.init();
  if (markers.has("garbage")) await garbage(output);
  if (markers.has("flood-stderr")) await floodStderr(markers.bytes("flood-stderr", "1MB"));
  if (markers.has("stall")) await stall(output);
  if (markers.has("crowd")) gather(markers.number("crowd", 100));
  if (markers.has("hog")) hoard(markers.bytes("hog", "1024MB"));
  if (markers.has("hang")) await hang();
  if (markers.has("answer-sigterm")) await beAsked();
  if (markers.has("crash")) await crash(markers.text("crash", "SIGSEGV"));
  if (markers.has("exit")) {
    console.error("error: the scripted engine was told to exit");
    await leave(markers.number("exit", 1));
  }
  if (markers.has("gate")) await passGate(markers.text("gate"));
  const failing = { prompt, markers, output, flags, startedMs };
  if (markers.has("fail")) return await fail(faultOf(markers.text("fail", "529")), failing);

  if (markers.has("tool")) await useTool(markers.text("tool", "Bash"), output);
  const text = textFor({ prompt, markers, flags, session, children });
  const usage = usageOf(markers, prompt, text);
  await stream(text, markers, output, usage);
  if (markers.has("window")) await output.line(windowEvent("allowed", inSeconds(markers.number("window", 3600))));
  if (markers.has("no-result")) await leave(0);

  const result = resultOf({ text, model: flags.model, startedMs, usage, turns: markers.has("tool") ? 2 : 1 });
  if (markers.has("cut-result")) {
    const line = output.resultLine(result);
    await output.raw(line.slice(0, line.length / 2));
    await leave(0);
  }
  await output.result(result);
  if (markers.has("hang-after-result")) await hang();
  return 0;
}

function textFor({ prompt, markers, flags, session, children }) {
  if (markers.has("flood")) return floodText(markers.bytes("flood", "5MB"));
  if (markers.has("report")) {
    const { pid, ppid, env } = process;
    return JSON.stringify({ argv: flags.argv, cwd: process.cwd(), env, pid, ppid, children });
  }
  if (markers.has("recall")) return session.earlier.map(withoutMarkers).join("\n");
  return markers.text("text", `You said: ${withoutMarkers(prompt)}`);
}

/** Sends text deltas as the API would send them, then the whole message. */
async function stream(text, markers, output, { input, output: written }) {
  const delayMs = markers.number("delay", 0);
  const parts = piecesOf(text, markers);
  const id = `msg_${randomUUID()}`;
  const begun = { input_tokens: input, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
  await output.event({ type: "message_start", message: { id, role: "assistant", content: [], usage: begun } });
  await output.event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  for (const [index, part] of parts.entries()) {
    if (delayMs > 0) await sleep(delayMs);
    await output.event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: part } });
    if (index === 0 && markers.has("hang-mid")) await hang();
  }
  await output.assistant({ type: "text", text }, { id, usage: begun });
  await output.event({ type: "content_block_stop", index: 0 });
  await output.event({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: written },
  });
  await output.event({ type: "message_stop" });
}

/**
 * Returns whole words if there is a delay between them. Otherwise returns pieces of fixed length that never cut a
 * character.
 */
function piecesOf(text, markers) {
  if (markers.number("delay", 0) > 0 || markers.has("hang-mid")) return text.match(/\s*\S+/gu) ?? [text];
  const length = markers.has("flood") ? FLOOD_PIECE : PIECE;
  const pieces = [];
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = Math.min(start + length, text.length);
    if (/[\uD800-\uDBFF]/.test(text[end - 1]) && end < text.length) end += 1;
    pieces.push(text.slice(start, end));
  }
  return pieces;
}

async function fail(fault, { prompt, markers, output, flags, startedMs }) {
  await tellOf(fault, output);
  const spent = fault.subtype ? { usage: usageOf(markers, prompt, ""), turns: fault.turns } : {};
  await output.result(resultOf({ text: fault.text, model: flags.model, startedMs, fault, ...spent }));
  return 1;
}

async function useTool(name, output) {
  const id = "toolu_scripted";
  await output.event({
    type: "content_block_start",
    index: 0,
    content_block: { type: "tool_use", id, name, input: {} },
  });
  await output.assistant({ type: "tool_use", id, name, input: { command: "echo scripted" } });
  await output.toolResult(id, "scripted");
}

function inSeconds(seconds) {
  return Math.floor(Date.now() / 1000) + seconds;
}

async function passGate(path) {
  while (!existsSync(path)) await sleep(GATE_POLL_MS);
}

function leaveChildren(markers) {
  const kinds = {
    grandchild: { ownSession: false, holdsStdout: false },
    "grandchild-setsid": { ownSession: true, holdsStdout: false },
    "grandchild-stdout": { ownSession: true, holdsStdout: true },
  };
  return Object.keys(kinds)
    .filter((name) => markers.has(name))
    .map((name) => leaveChild(kinds[name]));
}

/**
 * Writes lines that a parser must survive: unknown types, lines that are not JSON, JSON that is not an object, and
 * bytes that are not UTF-8.
 */
async function garbage(output) {
  await output.line({ type: "from_the_future", subtype: "unheard_of", value: 1 });
  await output.raw('this line is not JSON\n\n[1,2]\nnull\n42\n{"type":7}\n{}\n');
  await output.raw(Buffer.from([0xff, 0xfe, 0x00, 0x0a]));
}

async function floodStderr(bytes) {
  const line = `${"stderr noise ".repeat(5)}\n`;
  await new Promise((resolve) => {
    process.stderr.write(line.repeat(Math.ceil(bytes / line.length)), resolve);
  });
}

/** Makes the same text as the testkit's `hugeText`, so that a test can compare the text that arrived. */
function floodText(bytes) {
  const lines = Array.from(
    { length: Math.floor(bytes / FLOOD_LINE_BYTES) },
    (_, line) => `${String(line).padStart(8, "0")} 日本語の文字列 🙂 abcdefghijklmnopqrstuvwxyz.\n`,
  );
  return lines.join("") + ".".repeat(bytes % FLOOD_LINE_BYTES);
}

function usageOf(markers, prompt, text) {
  const [input, output] = markers.text("usage").split(":");
  return {
    input: Number(input || Math.ceil(Buffer.byteLength(prompt) / 4)),
    output: Number(output ?? Math.ceil(Buffer.byteLength(text) / 4)),
  };
}
