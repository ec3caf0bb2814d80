// A bare grpc-js server that returns the bytes of each call: `node --import tsx echo-server.ts <port>`.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ECHO } from "./echo.js";

const server = new Server();
server.addService(
  { echo: ECHO },
  { echo: (call: { request: Buffer }, callback: (error: null, reply: Buffer) => void) => callback(null, call.request) },
);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
