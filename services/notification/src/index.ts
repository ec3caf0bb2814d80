export type { NotificationConfig } from "./config.js";
export {
  type Channel,
  type ChannelContext,
  type ChannelType,
  type ChannelUse,
  DeliveryError,
  type FailureKind,
  type Format,
  type IssueReading,
  type IssueStatus,
  type Issues,
  type Message,
  type Receipt,
  type Rendered,
} from "./domain/channel.js";
export { bareNotice } from "./domain/notice.js";
export { notificationService } from "./service.js";
export { render } from "./text/render.js";
export { LANGUAGES, TEMPLATES } from "./text/templates.js";
