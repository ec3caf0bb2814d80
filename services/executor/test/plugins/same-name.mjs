export const enginePlugin = { name: "command", define: () => ({}), open: async () => ({}) };
