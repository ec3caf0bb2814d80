const bytes = (value: Buffer): Buffer => value;

/** A method without protobuf: bytes in, the same bytes out. */
export const ECHO = {
  path: "/bench.Echo/Echo",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;
