import type { DueStore } from "./due/due-store.js";
import type { EmergencyStore } from "./emergency/emergency-store.js";
import type { ExecutorStore } from "./executors/executor-store.js";
import type { LineStore, RunTimeStore, SituationStore } from "./explain/situation-store.js";
import type { BlockedStore, GateStore, LimitStore } from "./gates/gate-store.js";
import type { IntakeStore } from "./intake/intake-store.js";
import type { LeaseStore } from "./leases/lease-store.js";
import type { LogStore, NoteStore } from "./log/log-store.js";
import type { ConfirmationStore, ListStore, ScanStore } from "./search/search-store.js";
import type { StatusStore } from "./status/status-store.js";
import type { Clock } from "./task/clock.js";
import type { TaskChanges, TaskContents, TaskReads } from "./task/task-store.js";

/** The whole storage: one object that has the ports of all rooms. A room takes only the ports that it needs. */
export type TaskStore = Clock &
  TaskReads &
  TaskContents &
  TaskChanges &
  IntakeStore &
  LeaseStore &
  DueStore &
  ExecutorStore &
  GateStore &
  LimitStore &
  BlockedStore &
  EmergencyStore &
  SituationStore &
  RunTimeStore &
  LineStore &
  LogStore &
  NoteStore &
  StatusStore &
  ListStore &
  ScanStore &
  ConfirmationStore;
