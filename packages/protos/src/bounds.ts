const MIB = 1024 * 1024;

/** The largest result that the queue takes: with its envelope, it has to fit into one message of 16 MiB. */
export const MOST_RESULT_BYTES = 12 * MIB;

/** Most bytes that an engine may print in a run. The other fields of the result have the rest. */
export const MOST_OUTPUT_BYTES = MOST_RESULT_BYTES - MIB;
