import { Client, credentials, Metadata } from "@grpc/grpc-js";

/** Logs the trace context that a call carries, in a process where nothing else, such as grpc-health-check, has loaded grpc-js. */
const client = new Client("127.0.0.1:1", credentials.createInsecure());
const metadata = new Metadata();
const asIs = (bytes: Buffer): Buffer => bytes;
client.makeUnaryRequest("/test.Service/Method", asIs, asIs, Buffer.alloc(0), metadata, () => {}).cancel();
client.close();
process.stdout.write(`${JSON.stringify({ msg: "called", traceparent: metadata.get("traceparent") })}\n`);
