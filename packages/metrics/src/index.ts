export {
  declareCounter,
  declaredMetrics,
  declareGauge,
  declareHistogram,
  declareTracedHistogram,
  type Labels,
  type MetricDeclaration,
  type ObserveTraced,
  type Trace,
} from "./declare.js";
