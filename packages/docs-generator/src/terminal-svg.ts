const LINE = 19;
const CHARACTER = 8.4;
const PADDING = 16;

/** A picture of these lines in a terminal. Commands, which begin with `$`, stand out. */
export function terminal(lines: readonly string[], columns: number): string {
  const width = Math.round(columns * CHARACTER + 2 * PADDING);
  const height = lines.length * LINE + 2 * PADDING;
  const texts = lines.flatMap((line, index) => {
    if (line === "") return [];
    const command = line.startsWith("$ ") ? ' class="command"' : "";
    return [
      `<text x="${PADDING}" y="${PADDING + (index + 0.8) * LINE}"${command} xml:space="preserve">${escape(line)}</text>`,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">
<title>A terminal</title>
<style>
  rect { fill: #f6f8fa; stroke: #d0d7de; }
  text { fill: #1f2328; white-space: pre; }
  .command { fill: #0550ae; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    rect { fill: #161b22; stroke: #30363d; }
    text { fill: #e6edf3; }
    .command { fill: #79c0ff; }
  }
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${texts.join("\n")}
</svg>
`;
}

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
