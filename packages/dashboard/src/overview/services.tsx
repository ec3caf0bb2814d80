import { overviewWords } from "../i18n/overview.js";
import { serverText } from "../i18n/server-texts.js";
import { Awaited } from "../parts/awaited.js";
import { Line } from "../parts/layout.js";
import { State } from "../parts/text.js";
import type { Snapshots } from "../store.js";

/** Each service with its instances, and what is wrong with those that are not well. */
export function Services({ health }: { readonly health: Snapshots["health"] | undefined }) {
  const word = overviewWords();
  return (
    <>
      <h3>{word.services}</h3>
      {!health && <Awaited topic="health" />}
      {health?.services.map(({ service, instances, notOk, versions }) => (
        <div key={service}>
          <Line
            value={
              <State tone={notOk === 0 ? "within" : "held"}>{notOk === 0 ? word.well : word.notWell(notOk)}</State>
            }
          >
            {service} <span class="third">{[word.instances(instances), ...versions].join(" · ")}</span>
          </Line>
          {health.instances
            .filter((instance) => instance.report?.service === service && instance.health !== "ok")
            .map(({ report, health: judgement, why }) => (
              <p class="second" key={report?.bootId}>
                {`${report?.instance}: ${serverText(why) || judgement}`}
              </p>
            ))}
        </div>
      ))}
    </>
  );
}
