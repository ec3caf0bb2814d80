export { DEFAULT_RULES, PROMETHEUS_ONLY_RULES } from "./alerts/domain/default-rules.js";
export { prometheusQueries, prometheusRules, prometheusTests } from "./alerts/domain/prometheus.js";
export { conditionText } from "./alerts/domain/words.js";
export type { MonitorConfig } from "./config.js";
export { monitorService } from "./service.js";
