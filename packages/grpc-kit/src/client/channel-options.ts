import type { ChannelOptions } from "@grpc/grpc-js";

/**
 * One policy for all calls between the parts of CCSP. Every call is safe to repeat (see the protos), so the client
 * retries UNAVAILABLE, and all instances share the load. A server forbids the retry in two cases: a service behind it
 * failed, or it is overloaded (see serve-call.ts).
 */
const SERVICE_CONFIG = JSON.stringify({
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.1s",
        maxBackoff: "1s",
        backoffMultiplier: 3,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
});

export function channelOptions(maxMessageBytes: number): ChannelOptions {
  return {
    "grpc.service_config": SERVICE_CONFIG,
    // No TXT look-ups: this policy applies, and the name server must not change it.
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    // grpc-js does not retry a request that is larger than this buffer. The default of 1 MiB would exclude large
    // prompts and results.
    "grpc.per_rpc_retry_buffer_size": 2 * maxMessageBytes,
    "grpc.retry_buffer_size": 8 * maxMessageBytes,
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    // With grpc-js's default of 30 s, calls fail during most of a rolling restart behind a headless Kubernetes Service.
    "grpc.dns_min_time_between_resolutions_ms": 500,
    // An http_proxy in the environment is for outside traffic, not for calls inside the installation.
    "grpc.enable_http_proxy": 0,
  };
}
