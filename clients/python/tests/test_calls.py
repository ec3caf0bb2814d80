import datetime as dt
import tempfile
import threading
import unittest
from pathlib import Path

import ccsp
import grpc
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.rpc.v1 import error_details_pb2 as rpc
from ccsp.task.v1 import submission_pb2, task_pb2
from fake_gateway import FakeGateway, LostAnswer, Refusal, open_client
from google.protobuf import duration_pb2

# It asks for a longer wait than any patience here, so the client gives up at once.
OVERLOADED = Refusal(
    grpc.StatusCode.UNAVAILABLE, "OVERLOADED", rpc.RetryInfo(retry_delay=duration_pb2.Duration(seconds=90))
)
LOST = Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


def stored(request):
    return api.SubmitTaskResponse(task=task_pb2.Task(id="0-1", state=task_pb2.TASK_STATE_QUEUED))


def failing_first(times, error, answer):
    left = [error] * times

    def respond(request):
        if left:
            raise left.pop()
        return answer(request)

    return respond


class Calls(unittest.TestCase):
    def setUp(self):
        self.gateway = FakeGateway()
        self.addCleanup(self.gateway.close)

    def client(self, **options):
        client = open_client(self.gateway, **options)
        self.addCleanup(client.close)
        return client

    def test_a_repeated_submission_carries_the_same_request_id(self):
        self.gateway.answers["SubmitTask"] = failing_first(2, LOST, stored)
        client = self.client()
        self.assertEqual(client.submit("hello").id, "0-1")
        first, *repeats = [request.request_id for request in self.gateway.requests("SubmitTask")]
        self.assertEqual((len(first) > 20, repeats), (True, [first, first]))
        client.submit("hello")
        self.assertNotEqual(self.gateway.requests("SubmitTask")[-1].request_id, first)
        client.submit("hello", request_id="mine")
        self.assertEqual(self.gateway.requests("SubmitTask")[-1].request_id, "mine")

    def test_an_error_after_a_lost_answer_says_that_the_task_may_be_stored_and_its_request_id(self):
        def respond(request):
            raise errors.pop(0) if errors else OVERLOADED
            yield

        def respond_once(request):
            next(respond(request))

        self.gateway.answers.update(SubmitTask=respond_once, RunTask=respond, SubmitTasks=respond_once)
        client = self.client()
        submissions = {
            "SubmitTask": lambda: client.submit("hello"),
            "RunTask": lambda: client.run("hello").result(),
            "SubmitTasks": lambda: client.submit_many([{"prompt": "a"}, {"prompt": "b"}], request_ids=["a", "b"]),
        }
        for method, submit in submissions.items():
            for lost in (False, True):
                errors = [LostAnswer()] if lost else []
                with self.assertRaises(ccsp.UnavailableError) as caught:
                    submit()
                error = caught.exception
                sent = self.gateway.requests(method)[-1]
                ids = ("a", "b") if method == "SubmitTasks" else (sent.request_id,)
                self.assertEqual((error.reason, error.may_have_taken_effect), ("OVERLOADED", lost), method)
                self.assertEqual(error.request_ids, ids)
                self.assertEqual(error.request_id, None if method == "SubmitTasks" else ids[0])
                self.assertEqual("may be stored" in str(error), lost)
                self.assertEqual(str(error).endswith(ids[0]), lost and len(ids) == 1)

    def test_a_gateway_that_was_never_reached_stored_nothing(self):
        self.gateway.close()
        with self.assertRaises(ccsp.UnavailableError) as caught:
            self.client(connect_timeout=0.2).submit("hello", request_id="mine")
        self.assertEqual((caught.exception.request_id, caught.exception.may_have_taken_effect), ("mine", False))

    def test_a_refusal_after_a_lost_try_inside_ccsp_says_so_too(self):
        refused = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "SUBMIT_STOPPED", metadata={"effect": "unknown"})
        self.gateway.answers["SubmitTask"] = failing_first(1, refused, stored)
        with self.assertRaises(ccsp.SubmitStoppedError) as caught:
            self.client().submit("hello")
        self.assertTrue(caught.exception.may_have_taken_effect)

    def test_a_refused_task_of_a_batch_whose_answer_was_lost_may_be_stored(self):
        refused = submission_pb2.Refused(reason="QUEUE_FULL", message="full")
        answer = api.SubmitTasksResponse(outcomes=[submission_pb2.SubmitOutcome(refused=refused)])
        for lost in (0, 1):
            self.gateway.answers["SubmitTasks"] = failing_first(lost, LostAnswer(), lambda request: answer)
            error = self.client().submit_many([{"prompt": "a"}], request_ids=["mine"])[0].error
            self.assertEqual((error.request_id, error.may_have_taken_effect), ("mine", lost == 1))

    def test_a_schedule_whose_deletion_was_not_answered_is_deleted(self):
        gone = Refusal(grpc.StatusCode.NOT_FOUND, "SCHEDULE_NOT_FOUND")
        errors = [LostAnswer(), gone, gone]

        def respond(request):
            raise errors.pop(0)

        self.gateway.answers["DeleteSchedule"] = respond
        self.client().schedules.delete("nightly")
        with self.assertRaises(ccsp.NotFoundError):
            self.client().schedules.delete("nightly")

    def test_a_refusal_is_an_error_of_its_class_with_fields_metadata_and_time(self):
        wrong = rpc.BadRequest(field_violations=[{"field": "spec.model", "description": "is too long"}])
        self.gateway.answers["SubmitTask"] = failing_first(
            1, Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", wrong), stored
        )
        with self.assertRaises(ccsp.InvalidTaskError) as caught:
            self.client().submit("hello")
        self.assertEqual(caught.exception.fields, (ccsp.Field("spec.model", "is too long"),))
        later = rpc.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))
        full = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", later, metadata={"bound": "tasks"})
        self.gateway.answers["SubmitTask"] = failing_first(1, full, stored)
        with self.assertRaises(ccsp.QueueFullError) as caught:
            self.client().submit("hello")
        error = caught.exception
        self.assertEqual(
            (error.reason, error.retry_after, error.metadata, error.retryable),
            ("QUEUE_FULL", 1.5, {"bound": "tasks"}, True),
        )

    def test_a_call_gives_up_when_its_timeout_or_the_patience_ends(self):
        self.gateway.answers["GetTask"] = failing_first(1000, LOST, stored)
        for client, timeout in ((self.client(), 0.3), (self.client(patience=0.3), None)):
            with self.assertRaises(ccsp.UnavailableError) as caught:
                client.get("0-1", timeout=timeout)
            self.assertEqual(caught.exception.reason, "SHUTTING_DOWN")

    def test_a_first_call_takes_no_longer_than_its_timeout(self):
        self.gateway.close()
        client = self.client(connect_timeout=60)
        with self.assertRaisesRegex(ccsp.UnavailableError, "for 0.2 s without TLS"):
            client.get("0-1", timeout=0.2)
        with self.assertRaisesRegex(ccsp.UnavailableError, "for 0.2 s without TLS"):
            next(client.watch("0-1", timeout=0.2))

    def test_a_gateway_that_is_slow_to_answer_the_first_call_is_there(self):
        asked = threading.Event()

        def slow(request):
            asked.wait(60)
            return api.GetCapabilitiesResponse()

        def answer(request):
            asked.set()
            return api.GetTaskResponse(task=task_pb2.Task(id="0-1"))

        self.gateway.answers.update(GetCapabilities=slow, GetTask=answer)
        self.assertEqual(self.client(connect_timeout=2).get("0-1").id, "0-1")

    def test_leaving_a_stream_ends_its_call(self):
        left = threading.Event()

        def endless(request):
            try:
                for sequence in range(1, 1_000_000):
                    yield api.WatchTaskResponse(event={"sequence": sequence, "tool_use": {"name": "Read"}})
            finally:
                left.set()

        self.gateway.answers["WatchTask"] = endless
        run = self.client().watch("0-1")
        self.assertEqual(next(run).sequence, 1)
        run.close()
        self.assertTrue(left.wait(10))
        with self.assertRaises(StopIteration):
            next(run)

    def test_a_revoked_token_ends_a_stream_for_good_unless_there_is_a_new_one(self):
        revoked = Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")

        def watch(request):
            raise revoked
            yield

        self.gateway.answers["WatchTask"] = watch
        for token, tries in (("ccsp_fixed", 1), (lambda: "ccsp_revoked", 2)):
            before = len(self.gateway.requests("WatchTask"))
            with self.assertRaises(ccsp.AuthenticationError) as caught:
                list(self.client(token=token).watch("0-1"))
            self.assertEqual(caught.exception.reason, "TOKEN_REVOKED")
            self.assertEqual(len(self.gateway.requests("WatchTask")) - before, tries)

    def test_a_token_that_expired_is_asked_for_once_more(self):
        expired = Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
        self.gateway.answers["SubmitTask"] = failing_first(1, expired, stored)
        tokens = iter(["old", "new"])
        self.client(token=lambda: next(tokens)).submit("hello")
        self.assertEqual(self.gateway.tokens(), ["Bearer old", "Bearer new"])
        self.gateway.answers["SubmitTask"] = failing_first(2, expired, stored)
        with self.assertRaises(ccsp.AuthenticationError):
            self.client(token=lambda: "old").submit("hello")
        self.gateway.answers["SubmitTask"] = failing_first(1, expired, stored)
        with self.assertRaises(ccsp.AuthenticationError):
            self.client(token="fixed").submit("hello")

    def test_a_token_may_have_the_line_break_of_what_it_was_read_from(self):
        self.gateway.answers["SubmitTask"] = stored
        for token in ("one\n", lambda: "one\r\n"):
            self.client(token=token).submit("hello")
        self.assertEqual(self.gateway.tokens(), ["Bearer one", "Bearer one"])

    def test_a_token_file_is_read_before_each_call(self):
        self.gateway.answers["SubmitTask"] = stored
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "token")
            client = self.client(token=None, token_file=file)
            with self.assertRaisesRegex(ccsp.AuthenticationError, "the token file cannot be read: .*token"):
                client.submit("hello")
            for token in ("one", "two"):
                file.write_text(token + "\n")
                client.submit("hello")
        self.assertEqual(self.gateway.tokens(), ["Bearer one", "Bearer two"])

    def test_a_token_that_cannot_be_sent_is_not_in_the_error(self):
        for token, reason in (("", "TOKEN_MISSING"), ("top\nsecret", "TOKEN_INVALID")):
            with self.assertRaises(ccsp.AuthenticationError) as caught:
                self.client(token=token).get("0-1")
            self.assertEqual(caught.exception.reason, reason)
            self.assertNotIn("secret", str(caught.exception))

    def test_each_task_of_a_batch_has_its_own_outcome(self):
        refused = submission_pb2.Refused(reason="QUEUE_FULL", message="full", retry_after={"seconds": 2})
        fault = submission_pb2.FieldFault(field="spec.engine", description="is not known")
        wrong = submission_pb2.Refused(reason="INVALID_FIELD", message="wrong", fields=[fault])
        outcomes = [
            submission_pb2.SubmitOutcome(task_id="0-1"),
            submission_pb2.SubmitOutcome(refused=refused),
            submission_pb2.SubmitOutcome(refused=wrong),
        ]
        self.gateway.answers["SubmitTasks"] = lambda request: api.SubmitTasksResponse(outcomes=outcomes)
        tasks = [{"prompt": "a"}, {"prompt": "b", "priority": "low"}, {"prompt": "c", "engine": "none"}]
        one, other, third = self.client().submit_many(tasks)
        self.assertEqual((one.task_id, one.error), ("0-1", None))
        self.assertEqual(third.error.fields, (ccsp.Field("spec.engine", "is not known"),))
        self.assertEqual((type(other.error), other.error.retry_after), (ccsp.QueueFullError, 2.0))
        items = self.gateway.requests("SubmitTasks")[0].tasks
        self.assertEqual(len({item.request_id for item in items}), 3)

    def test_a_wrong_task_of_a_batch_does_not_keep_the_others_back(self):
        def store(request):
            return api.SubmitTasksResponse(outcomes=[{"task_id": item.spec.prompt} for item in request.tasks])

        self.gateway.answers["SubmitTasks"] = store
        # In UTC, it is a time of the year 10000.
        beyond = dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1)))
        tasks = [{"prompt": "a"}, {"prompt": "b", "start_time": beyond}, {"promt": "c"}, {"prompt": "d"}]
        one, late, misspelt, last = self.client().submit_many(tasks)
        self.assertEqual((one.task_id, last.task_id), ("a", "d"))
        for outcome, name in ((late, "spec.start_time"), (misspelt, "spec.promt")):
            self.assertIsInstance(outcome.error, ccsp.InvalidTaskError)
            self.assertEqual([fault.name for fault in outcome.error.fields], [name])
        self.assertEqual(len(self.gateway.requests("SubmitTasks")), 1)
        # With no task that could be sent, there is nothing to ask.
        (only,) = self.client().submit_many([{"promt": "c"}])
        self.assertIsInstance(only.error, ccsp.InvalidTaskError)
        self.assertEqual(len(self.gateway.requests("SubmitTasks")), 1)
        with self.assertRaises(ccsp.InvalidTaskError):
            self.client().submit("late", start_time=beyond)

    def test_a_list_fetches_pages_as_they_are_read(self):
        pages = {"": ("a", "next"), "next": ("b", "")}

        def page(request):
            id, token = pages[request.page_token]
            return api.ListTasksResponse(tasks=[{"id": id}], next_page_token=token)

        self.gateway.answers["ListTasks"] = page
        tasks = self.client().list(states=["FAILED"], labels={"team": "a"}, error_categories=["TIMEOUT"])
        self.assertEqual(next(tasks).id, "a")
        self.assertEqual(len(self.gateway.calls), 1)
        self.assertEqual([task.id for task in tasks], ["b"])
        asked = self.gateway.requests("ListTasks")[0]
        self.assertEqual(list(asked.states), [task_pb2.TASK_STATE_FAILED])
        self.assertEqual(dict(asked.filter.labels), {"team": "a"})

    def test_closing_the_client_ends_its_calls(self):
        entered = threading.Event()

        def silent(request):
            entered.set()
            threading.Event().wait(0.5)
            raise LOST

        self.gateway.answers["GetTask"] = silent
        client = self.client()
        threading.Thread(target=lambda: (entered.wait(), client.close())).start()
        for _ in range(2):
            with self.assertRaises(ccsp.CcspError) as caught:
                client.get("0-1")
            self.assertEqual(caught.exception.reason, "CALL_CANCELLED")


if __name__ == "__main__":
    unittest.main()
