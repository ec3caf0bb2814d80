/** A Deployment or StatefulSet of a service, as far as a rollout needs it. */
export interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly template: {
      readonly spec: { readonly terminationGracePeriodSeconds?: number; readonly containers: readonly Container[] };
    };
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly startupProbe?: {
    readonly initialDelaySeconds?: number;
    readonly periodSeconds?: number;
    readonly failureThreshold?: number;
  };
}

/** A pod, as far as it says why it does not start. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly restartCount: number;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** The image of the container `service`, which each service has in k8s/base. */
export function imageOf({ metadata, spec }: Workload): string {
  const found = spec.template.spec.containers.find(({ name }) => name === "service");
  if (found === undefined) throw new Error(`${metadata.namespace}/${metadata.name} has no container named service`);
  return found.image;
}

/** The images of executors with engines (`make images ENGINES=…`). */
const ENGINES = "-engines";

/** The same image of another release. A digest goes with the tag. An image with engines stays one with engines. */
export function imageFor(image: string, release: string): string {
  const [, name = "", tag = ""] = /^(.*?)(?::([^:/@]+))?(?:@.*)?$/.exec(image) ?? [];
  return `${name}:${release}${tag.endsWith(ENGINES) && !release.endsWith(ENGINES) ? ENGINES : ""}`;
}

/** For its images, its volume and a place on a node. */
const PLACE_SECONDS = 120;
/** The defaults of Kubernetes. */
const GRACE_SECONDS = 30;
const PROBE = { initialDelaySeconds: 0, periodSeconds: 10, failureThreshold: 3 };

/**
 * How long a rollout may take, in seconds: each replica in turn may use its whole time to stop (an executor's is 17
 * minutes), and the new one its whole time to start.
 */
export function rolloutSeconds({ spec }: Workload): number {
  const { terminationGracePeriodSeconds: grace = GRACE_SECONDS, containers } = spec.template.spec;
  const start = containers.map(({ startupProbe }) => {
    const { initialDelaySeconds, periodSeconds, failureThreshold } = { ...PROBE, ...startupProbe };
    return initialDelaySeconds + periodSeconds * failureThreshold;
  });
  const ofOne = grace + Math.max(...start) + (spec.minReadySeconds ?? 0) + PLACE_SECONDS;
  return Math.max(1, spec.replicas ?? 1) * ofOne;
}

/** Going back at once costs nothing, also if the registry was away for a moment only: the old replicas serve. */
const HOPELESS = ["InvalidImageName", "ErrImageNeverPull", "ImagePullBackOff", "CreateContainerConfigError"];
/** A service may end once or twice because another one is away for a moment. */
const CRASHES = 3;

/** Why a pod will not start, or undefined. */
export function whyStuck({ metadata, status }: Pod): string | undefined {
  const stuck = (status?.containerStatuses ?? []).find(({ restartCount, state }) => {
    const reason = state?.waiting?.reason ?? "";
    return HOPELESS.includes(reason) || (reason === "CrashLoopBackOff" && restartCount >= CRASHES);
  });
  if (stuck === undefined) return undefined;
  const { reason, message = "" } = stuck.state?.waiting ?? {};
  return `${metadata.name} does not start: ${reason} ${message}`.trim();
}
