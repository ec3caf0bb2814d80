export const AGENT_ID = /^[A-Za-z0-9._@-]{1,128}$/;
export const isAgentId = (id: string): boolean => AGENT_ID.test(id);

export const isLabelKey = (key: string): boolean => /^[a-z0-9._/-]{1,63}$/.test(key);
export const isLabelValue = (value: string): boolean => Buffer.byteLength(value) <= 256;

/** Also of boot ids. */
export const isExecutorId = (id: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(id);
