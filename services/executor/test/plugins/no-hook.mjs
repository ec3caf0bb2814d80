export const hookPlugin = { name: "no-hook", define: () => ({}) };
