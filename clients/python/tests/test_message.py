import datetime as dt
import typing
import unittest

import ccsp
from ccsp import errors, fields
from ccsp.error.v1 import reason_pb2
from ccsp.message import to_message
from ccsp.task.v1 import filter_pb2, schedule_pb2, task_pb2
from ccsp.usage.v1 import forecast_pb2, usage_pb2

UTC = dt.timezone.utc


class Messages(unittest.TestCase):
    def test_plain_values_become_the_message(self):
        values = {
            "prompt": "hello",
            "priority": "low",
            "permission_mode": "accept-edits",
            "labels": {"team": "a"},
            "limits": {"wall_time": dt.timedelta(minutes=1.5), "turns": 3, "budget_usd": 1, "output_bytes": 2**40},
            "retry": {"first_backoff": 0.2, "never_on": ["TIMEOUT", "rate-limit"]},
            "start_time": dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            "cache": {},
            "conversation": {"id": "0-1", "fork": True},
            "attachments": [{"name": "a.txt", "content": "é"}, {"name": "b", "content": b"\x00"}],
            "allowed_tools": ("Read", "Bash(git log:*)"),
            "model": None,
        }
        expected = task_pb2.TaskSpec(
            prompt="hello",
            priority=task_pb2.PRIORITY_LOW,
            permission_mode=task_pb2.PERMISSION_MODE_ACCEPT_EDITS,
            labels={"team": "a"},
            limits={"wall_time": {"seconds": 90}, "turns": 3, "budget_usd": 1, "output_bytes": 2**40},
            retry={
                "first_backoff": {"nanos": 200_000_000},
                "never_on": [task_pb2.ERROR_CATEGORY_TIMEOUT, task_pb2.ERROR_CATEGORY_RATE_LIMIT],
            },
            start_time={"seconds": int(dt.datetime(2026, 1, 1, tzinfo=UTC).timestamp())},
            cache={},
            conversation={"id": "0-1", "fork": True},
            attachments=[{"name": "a.txt", "content": "é".encode()}, {"name": "b", "content": b"\x00"}],
            allowed_tools=["Read", "Bash(git log:*)"],
        )
        self.assertEqual(to_message(task_pb2.TaskSpec, values, "spec"), expected)

    def test_an_error_names_every_wrong_field_its_value_and_the_right_form(self):
        values = {
            "promt": "hello",
            "priority": "hi",
            "limits": {"turns": "3", "wall_time": "1m"},
            "labels": {"a": 1},
            "start_time": dt.datetime(2026, 1, 1),
            "allowed_tools": "Read",
            "max_attempts": 2**31,
            "attachments": [{"name": "a", "content": 1}],
        }
        with self.assertRaises(ccsp.InvalidTaskError) as caught:
            to_message(task_pb2.TaskSpec, values, "spec")
        said = {field.name: field.description for field in caught.exception.fields}
        self.assertIn("is not a field; the fields are", said.pop("spec.promt"))
        self.assertEqual(
            said,
            {
                "spec.priority": "has to be one of urgent, high, normal, low, not 'hi'",
                "spec.limits.turns": "has to be a whole number, not '3'",
                "spec.limits.wall_time": "has to be a timedelta or a number of seconds, not '1m'",
                "spec.labels": "has to be a dict of strings, not {'a': 1}",
                "spec.start_time": "has to be a datetime with a time zone, not datetime.datetime(2026, 1, 1, 0, 0)",
                "spec.allowed_tools": "has to be a list, not 'Read'",
                "spec.max_attempts": "has to be smaller than 2^31, not 2147483648",
                "spec.attachments.content": "has to be bytes or a string, not 1",
            },
        )

    def test_a_limit_of_zero_is_refused_here_because_a_gateway_of_0_2_0_takes_it_for_no_bound(self):
        limits = {"wall_time": 0, "output_bytes": 0, "turns": 0, "budget_usd": 0.0}
        said = [(f"limits.{name}", "is 0: leave it out for the default of the installation") for name in limits]
        ready = task_pb2.TaskSpec(limits={"wall_time": {}, "output_bytes": 0, "turns": 0, "budget_usd": 0})
        for kind, values, path in (
            (task_pb2.TaskSpec, {"limits": limits}, "spec"),
            (task_pb2.TaskSpec, {"limits": ready.limits}, "spec"),
            (schedule_pb2.Schedule, {"spec": {"limits": limits}}, "schedule.spec"),
            (schedule_pb2.Schedule, {"spec": ready}, "schedule.spec"),
        ):
            with self.assertRaises(ccsp.InvalidTaskError) as caught:
                to_message(kind, values, path.removesuffix(".spec"))
            found = [(field.name.removeprefix(f"{path}."), field.description) for field in caught.exception.fields]
            self.assertEqual(found, said)
        to_message(task_pb2.TaskSpec, {"limits": {"turns": None, "budget_usd": 0.01}}, "spec")


class Contract(unittest.TestCase):
    """What is written by hand has everything that the protos have."""

    def test_the_typed_fields_are_those_of_the_messages(self):
        spec = task_pb2.TaskSpec
        for typed, message, not_set in (
            (fields.Task, spec, ()),
            (fields.Limits, task_pb2.RunLimits, ()),
            (fields.Retry, task_pb2.RetryPolicy, ()),
            (fields.Affinity, task_pb2.Affinity, ()),
            (fields.Cache, task_pb2.CachePolicy, ()),
            (fields.Conversation, task_pb2.Conversation, ()),
            (fields.Attachment, task_pb2.Attachment, ()),
            (fields.Filter, filter_pb2.TaskFilter, ("agent_id", "states")),
        ):
            names = set(message.DESCRIPTOR.fields_by_name) - set(not_set)
            self.assertEqual(set(typing.get_type_hints(typed)), names, typed.__name__)
        settable = {"time_zone", "missed_runs", "paused"}
        self.assertEqual(set(typing.get_type_hints(fields.ScheduleFields)), settable)
        self.assertLess(settable, set(schedule_pb2.Schedule.DESCRIPTOR.fields_by_name))

    def test_the_words_are_those_of_the_enums(self):
        states = {name.removeprefix("TASK_STATE_") for name in task_pb2.TaskState.keys()} - {"UNSPECIFIED"}
        self.assertEqual(set(typing.get_args(fields.State)), states | {state.lower() for state in states})
        priorities = {name.removeprefix("PRIORITY_").lower() for name in task_pb2.Priority.keys()} - {"unspecified"}
        self.assertEqual(set(typing.get_args(fields.Priority)), priorities)
        for words, enum, prefix in (
            (fields.Dimension, usage_pb2.Dimension, "DIMENSION_"),
            (fields.Metric, forecast_pb2.ForecastMetric, "FORECAST_METRIC_"),
        ):
            names = {name.removeprefix(prefix).lower() for name in enum.keys()} - {"unspecified"}
            self.assertEqual(set(typing.get_args(words)), names)

    def test_every_reason_that_an_agent_can_meet_has_a_class(self):
        known = {reason for kind in ccsp.CcspError.__subclasses__() for reason in kind.reasons}
        reasons = {name.removeprefix("ERROR_REASON_") for name in reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}
        services = {"LEASE_LOST", "SYNC_STALE", "CERTIFICATE_REFUSED"}
        operators = {"CONFIRMATION_INVALID", "RUN_NOT_FOUND", "EXECUTOR_NOT_FOUND", "KEY_NOT_FOUND"}
        operators |= {"ISSUE_NOT_FOUND", "NOTIFICATION_NOT_FOUND", "CHANNEL_NOT_FOUND"}
        operators |= {"CROSS_SITE_REQUEST"}
        operators |= {"ALERT_RULE_NOT_FOUND", "SILENCE_NOT_FOUND", "BUDGET_NOT_FOUND", "SESSION_NOT_FOUND"}
        self.assertEqual(known, reasons - services - operators - {"INTERNAL", "CALL_CANCELLED"})
        self.assertEqual(type(errors.error_for("NEWER", "text")), ccsp.CcspError)

    def test_every_kind_of_entry_has_an_event(self):
        kinds = task_pb2.TaskEvent.DESCRIPTOR.oneofs_by_name["event"].fields
        for kind in kinds:
            values = {kind.name: {}}
            if kind.name == "state_changed":
                values = {kind.name: {"state": task_pb2.TASK_STATE_RUNNING}}
            event = ccsp.to_event(task_pb2.TaskEvent(sequence=7, **values))
            self.assertEqual(event and event.sequence, 7, kind.name)


if __name__ == "__main__":
    unittest.main()
