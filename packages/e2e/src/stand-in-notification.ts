import {
  IssueState,
  NotificationServiceService,
  type NotifyRequest,
  type NotifyResponse,
  type UpdateIssueRequest,
  type UpdateIssueResponse,
  type WatchIssueRequest,
  WatchIssueResponse,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

/** An issue that the stand-in "opened". */
export interface StandInIssue {
  readonly request: NotifyRequest;
  /** How many times it was opened: once, however often Notify was called. */
  opened: number;
  state: IssueState;
  changeTime: Date;
  /** The ids of its comments, each once. */
  readonly comments: string[];
}

/** A notification service whose issues a test closes. It keeps the promises of the protos. */
export interface StandInNotification {
  readonly address: string;
  readonly issues: ReadonlyMap<string, StandInIssue>;
  /** Calls of each RPC. */
  readonly calls: { notify: number; updateIssue: number };
  /** Streams that watch an issue now. */
  readonly watching: number;
  /** Stores what is asked, and does not answer: the caller cannot know. */
  holdsAnswers: boolean;
  /** A person closes every open issue. */
  closeIssues(): void;
  close(): Promise<void>;
}

type Watch = ServerWritableStream<WatchIssueRequest, WatchIssueResponse>;

export async function startStandInNotification(): Promise<StandInNotification> {
  const issues = new Map<string, StandInIssue>();
  const watches = new Set<Watch>();
  const calls = { notify: 0, updateIssue: 0 };
  const standIn = {
    address: "",
    holdsAnswers: false,
    issues,
    calls,
    get watching() {
      return watches.size;
    },
    closeIssues: () => {
      for (const issue of issues.values()) change(issue, IssueState.CLOSED);
    },
    close: async () => server.forceShutdown(),
  };

  const tell = (watch: Watch): void => {
    const issue = issues.get(watch.request.dedupKey);
    if (!issue) return;
    const { state, changeTime } = issue;
    watch.write(WatchIssueResponse.fromPartial({ state, changeTime, url: "https://issues.example/1", who: "ada" }));
  };
  const change = (issue: StandInIssue, state: IssueState): void => {
    if (issue.state === state) return;
    [issue.state, issue.changeTime] = [state, new Date()];
    for (const watch of watches) if (issues.get(watch.request.dedupKey) === issue) tell(watch);
  };

  const server = new Server();
  server.addService(NotificationServiceService, {
    notify(call: ServerUnaryCall<NotifyRequest, NotifyResponse>, answer: sendUnaryData<NotifyResponse>) {
      calls.notify += 1;
      const key = call.request.notice?.dedupKey ?? "";
      if (!issues.has(key)) {
        const request = call.request;
        issues.set(key, { request, opened: 1, state: IssueState.OPEN, changeTime: new Date(), comments: [] });
      }
      if (!standIn.holdsAnswers) answer(null, { noticeId: key });
    },
    updateIssue(
      call: ServerUnaryCall<UpdateIssueRequest, UpdateIssueResponse>,
      answer: sendUnaryData<UpdateIssueResponse>,
    ) {
      calls.updateIssue += 1;
      const { dedupKey, updateId, state } = call.request;
      const issue = issues.get(dedupKey);
      if (!issue) return answer({ code: status.NOT_FOUND });
      if (!issue.comments.includes(updateId)) {
        issue.comments.push(updateId);
        change(issue, state);
      }
      if (!standIn.holdsAnswers) answer(null, {});
    },
    watchIssue(watch: Watch) {
      watches.add(watch);
      watch.on("cancelled", () => watches.delete(watch));
      tell(watch);
    },
    listNotifications: (_call: unknown, answer: sendUnaryData<never>) => answer({ code: status.UNIMPLEMENTED }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, chosen: number) => (error ? reject(error) : resolve(chosen));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  standIn.address = `127.0.0.1:${port}`;
  return standIn;
}
