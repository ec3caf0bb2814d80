import type { ChannelOptions } from "@grpc/grpc-js";

/**
 * One policy for all calls between CCSP's parts: every call is safe to repeat (see the protos), so UNAVAILABLE is tried
 * again, and all instances share the load. A server that passes on what it met behind itself forbids that, and so does one that
 * is overloaded (serve-call.ts).
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
    // No TXT look-ups: the policy is ours and not the name server's.
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    // A request larger than its buffer is not retried: the default of 1 MiB would leave out large prompts and results.
    "grpc.per_rpc_retry_buffer_size": 2 * maxMessageBytes,
    "grpc.retry_buffer_size": 8 * maxMessageBytes,
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    // With grpc-js's 30 s, calls fail through most of a rolling restart behind a headless Service.
    "grpc.dns_min_time_between_resolutions_ms": 500,
    // An http_proxy of the environment is for the outside, not for calls inside the installation.
    "grpc.enable_http_proxy": 0,
  };
}
