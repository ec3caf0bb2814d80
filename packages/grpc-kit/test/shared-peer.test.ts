import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { createConnection } from "node:net";
import { platform } from "node:os";
import { connect as connectTls } from "node:tls";
import { certificateName } from "@ccsp/identity";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { skip } from "@ccsp/testkit";
import { type Admit, type GrpcServer, readTlsFolder, serverTls } from "../src/index.js";
import { Certificates } from "./certificates-world.js";
import { Fixture } from "./fixture.js";

const FRAMED = Buffer.alloc(5);

describe("a server that listens on several addresses", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  /** A connection to one address of this host, from a chosen port of it. */
  async function reach(
    { port }: GrpcServer,
    folder: string,
    { host, localPort }: { readonly host: string; readonly localPort?: number },
  ): Promise<{ readonly session: ClientHttp2Session; readonly localPort: number | undefined }> {
    const { ca, certificate: cert, key } = readTlsFolder(folder);
    const socket = createConnection({ port, host, localAddress: "127.0.0.1", ...(localPort && { localPort }) });
    fixture.own({ close: () => socket.destroy() });
    await once(socket, "connect");
    const tls = connectTls({ socket, ca, cert, key, ALPNProtocols: ["h2"], checkServerIdentity: () => undefined });
    await once(tls, "secureConnect");
    const session = connectHttp2("https://queue", { createConnection: () => tls });
    session.on("error", () => undefined);
    return { session, localPort: socket.localPort };
  }

  async function call(session: ClientHttp2Session): Promise<void> {
    const headers = { "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ":method": "POST", ":path": QueueServiceService.get.path, ...headers });
    stream.end(FRAMED);
    stream.resume();
    await once(stream, "close");
  }

  it("knows each caller by its own certificate, also when two have the same address and port", async function () {
    if (platform() !== "linux") skip(this, "only on Linux is all of 127.0.0.0/8 this machine");
    const certificates = fixture.own(await Certificates.open());
    const called: unknown[] = [];
    const admit: Admit = async (_method, { peerCertificate }) => {
      called.push(peerCertificate && certificateName(peerCertificate)?.name);
      return undefined;
    };
    const server = await fixture.serve(
      {},
      {
        admit,
        credentials: serverTls(readTlsFolder(await certificates.issue("queue"))),
        listen: { host: "0.0.0.0", port: 0 },
      },
    );
    const executor = await reach(server, await certificates.issue("executor"), { host: "127.0.0.1" });
    await call(executor.session);
    const { localPort = 0 } = executor;
    const gateway = await reach(server, await certificates.issue("gateway"), { host: "127.0.0.2", localPort });
    await call(gateway.session);
    await call(executor.session);
    await call(gateway.session);
    assert.deepEqual(called, ["executor", "gateway", "executor", "gateway"]);
  });
});
