import type { CallContext, Handlers } from "@ccsp/grpc-kit";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { AgentOperations } from "../application/agent-operations.js";
import type { IncomingCall } from "../application/call.js";

/** AgentService over gRPC. */
export function agentHandlers(operations: AgentOperations): Handlers<AgentServiceService> {
  return {
    submitTask: (request, context) => operations.submitTask(request, letIn(context)),
    runTask: (request, context) => operations.runTask(request, letIn(context)),
    watchTask: (request, context) => operations.watchTask(request, letIn(context)),
    getTask: (request, context) => operations.getTask(request, letIn(context)),
    listTasks: (request, context) => operations.listTasks(request, letIn(context)),
    cancelTask: (request, context) => operations.cancelTask(request, letIn(context)),
    submitTasks: (request, context) => operations.submitTasks(request, letIn(context)),
    retryTask: (request, context) => operations.retryTask(request, letIn(context)),
    explainTask: (request, context) => operations.explainTask(request, letIn(context)),
    estimateTask: (request, context) => operations.estimateTask(request, letIn(context)),
    putSchedule: (request, context) => operations.putSchedule(request, letIn(context)),
    listSchedules: (request, context) => operations.listSchedules(request, letIn(context)),
    deleteSchedule: (request, context) => operations.deleteSchedule(request, letIn(context)),
    getCapabilities: (request, context) => operations.getCapabilities(request, letIn(context)),
  };
}

function letIn(context: CallContext): IncomingCall {
  if (!isLetIn(context)) throw new Error(`${context.method} was not authorised`);
  // The context itself, and no copy: it computes most of its fields only when they are read.
  return context;
}

const isLetIn = (context: CallContext): context is CallContext & IncomingCall => context.identity !== undefined;
