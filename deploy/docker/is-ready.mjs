// The health check of the images: exits with 0 if the service in this container is ready, and with 1 if not.
const listen = Object.entries(process.env).find(([name]) => /^CCSP_[A-Z]+_OPS_LISTEN$/.test(name))?.[1] ?? "";
const port = listen.slice(listen.lastIndexOf(":") + 1);
const ready = await fetch(`http://127.0.0.1:${port}/ready`).then(
  (answer) => answer.ok,
  () => false,
);
process.exitCode = ready ? 0 : 1;
