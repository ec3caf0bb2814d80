export const isAgentId = (id: string): boolean => /^[A-Za-z0-9._@-]{1,128}$/.test(id);

/** Also of boot ids. */
export const isExecutorId = (id: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(id);
