import { isVisible, VISIBLE_RULE } from "@ccsp/errors";
import { AGENT_ID } from "@ccsp/identity";

export const isAgentId = (id: string): boolean => AGENT_ID.test(id);

/** `__proto__` is not a valid key, because JavaScript programs lose it when they copy objects. */
export const isLabelKey = (key: string): boolean => /^[a-z0-9._/-]{1,63}$/.test(key) && key !== "__proto__";
export const LABEL_KEY_RULE = "the key must be 1 to 63 of a-z 0-9 . _ / - and not __proto__";
export const isLabelValue = (value: string): boolean => Buffer.byteLength(value) <= 256 && isVisible(value);
export const LABEL_VALUE_RULE = `the value is longer than 256 bytes, or ${VISIBLE_RULE}`;

export const isEngineName = (name: string): boolean => ENGINE_NAME.test(name);
export const ENGINE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Boot ids have the same form. */
export const isExecutorId = (id: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(id);
