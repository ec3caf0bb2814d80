export {
  declareCounter,
  declaredMetrics,
  declareGauge,
  declareHistogram,
  type Labels,
  type MetricDeclaration,
} from "./declare.js";
