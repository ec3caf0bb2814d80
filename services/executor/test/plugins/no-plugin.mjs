export const plugin = { name: "not under its name" };
