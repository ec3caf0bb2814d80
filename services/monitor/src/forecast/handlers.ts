import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { filterOf } from "../usage/messages.js";
import type { Forecasts } from "./forecasts.js";
import { aheadOf, checkOneDimension, forecastMessage, metricOf } from "./messages.js";

export function forecastHandlers(forecasts: Forecasts): Pick<Handlers<typeof MonitorServiceService>, "getForecast"> {
  return {
    getForecast: async (request) => {
      const metric = metricOf(request.metric);
      const ahead = aheadOf(request.horizon);
      const filter = checkOneDimension(filterOf(request.filter));
      return { forecast: forecastMessage(await forecasts.of(filter, metric, new Date(), ahead), metric) };
    },
  };
}
