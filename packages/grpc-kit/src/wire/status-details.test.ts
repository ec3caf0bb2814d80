import assert from "node:assert/strict";
import { REASONS, Refusal } from "@ccsp/errors";
import { ErrorInfo, Status } from "@ccsp/protos/google/rpc/error_details.js";
import { Metadata } from "@grpc/grpc-js";
import { STATUS_OF } from "./reason-status.js";
import { decodeDetails, encodeRefusal, NO_DETAILS } from "./status-details.js";

describe("the details of a refusal", () => {
  it("are unchanged after transport in a trailer, for every reason", () => {
    for (const reason of REASONS) {
      const details = {
        reason,
        metadata: { task_id: "t1" },
        fields: [{ field: "spec.prompt", description: "is empty" }],
        retryAfterMs: 61_500,
        quota: [{ subject: "queue:tasks", description: "10000" }],
        preconditions: [{ type: "EMERGENCY_STOP", subject: "ada", description: "a leak" }],
      };
      const encoded = encodeRefusal(new Refusal(reason, "no", details));
      assert.equal(encoded.code, STATUS_OF[reason]);
      assert.deepEqual(decodeDetails(encoded.metadata), details);
    }
  });

  it("are readable for programs that know the standard: Status with ErrorInfo first, under its standard type", () => {
    const [trailer] = encodeRefusal(new Refusal("TASK_NOT_FOUND", "no such task")).metadata.get(
      "grpc-status-details-bin",
    );
    assert.ok(Buffer.isBuffer(trailer));
    const { code, message, details } = Status.decode(trailer);
    assert.deepEqual(
      { code, message, types: details.map(({ typeUrl }) => typeUrl) },
      {
        code: 5,
        message: "no such task",
        types: ["type.googleapis.com/google.rpc.ErrorInfo"],
      },
    );
    assert.equal(ErrorInfo.decode(details[0]?.value ?? Buffer.alloc(0)).domain, "ccsp");
  });

  it("stay below the 8 KiB that other clients accept, however much a refusal quotes", () => {
    const text = "🙂".repeat(100_000);
    const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, text]));
    const fields = Array.from({ length: 50 }, () => ({ field: text, description: text }));
    const encoded = encodeRefusal(new Refusal("INVALID_FIELD", text, { metadata, fields }));
    const headers = encoded.metadata.toHttp2Headers();
    const bytes = encodeURI(encoded.details).length + JSON.stringify(headers).length;
    assert.ok(bytes < 8 * 1024, `${bytes} bytes`);
  });

  it("replace half a character, which cannot be sent", () => {
    assert.equal(encodeRefusal(new Refusal("INTERNAL", "a\ud83d")).details, "a\ufffd");
  });

  it("are empty when the trailer is absent, broken, or another domain's", () => {
    const broken = new Metadata();
    broken.set("grpc-status-details-bin", Buffer.from([255, 255, 255]));
    assert.deepEqual(decodeDetails(new Metadata()), NO_DETAILS);
    assert.deepEqual(decodeDetails(broken), NO_DETAILS);

    const foreign = new Metadata();
    const info = ErrorInfo.encode({ reason: "QUEUE_FULL", domain: "example.com", metadata: {} }).finish();
    const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from(info) }];
    foreign.set("grpc-status-details-bin", Buffer.from(Status.encode({ code: 8, message: "", details }).finish()));
    assert.deepEqual(decodeDetails(foreign), NO_DETAILS);
  });
});
