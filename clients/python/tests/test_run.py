import unittest
import unittest.mock

import ccsp
import grpc
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.task.v1 import task_pb2
from fake_gateway import FakeGateway, Refusal, open_client

TASK = task_pb2.Task(id="0-1", state=task_pb2.TASK_STATE_QUEUED)
LOST = Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
RUNNING = {"state_changed": {"state": task_pb2.TASK_STATE_RUNNING}}
ENDED = {"task_ended": {"state": task_pb2.TASK_STATE_SUCCEEDED, "result": {"text": "half and half"}}}
FAILED = {
    "task_ended": {
        "state": task_pb2.TASK_STATE_FAILED,
        "error": {"category": task_pb2.ERROR_CATEGORY_TIMEOUT, "message": "too slow"},
    }
}


def text(words, message=1):
    return {"text_delta": {"text": words, "message": message}}


class Runs(unittest.TestCase):
    def setUp(self):
        self.gateway = FakeGateway()
        self.addCleanup(self.gateway.close)
        self.client = open_client(self.gateway)
        self.addCleanup(self.client.close)

    def serve(self, log, *, breaks=()):
        """The log of the task. `breaks` are the sequences after which a stream is lost."""
        self.entries = [task_pb2.TaskEvent(sequence=at, attempt=1, **event) for at, event in enumerate(log, 1)]
        left = list(breaks)

        def send(entries):
            for entry in entries:
                yield entry
                if entry.sequence in left:
                    left.remove(entry.sequence)
                    raise LOST

        def run_task(request):
            yield api.RunTaskResponse(task=TASK)
            for entry in send(self.entries):
                yield api.RunTaskResponse(event=entry)

        def watch_task(request):
            for entry in send(self.entries[request.after_sequence :]):
                yield api.WatchTaskResponse(event=entry)

        self.gateway.answers.update(RunTask=run_task, WatchTask=watch_task)

    def test_a_broken_stream_continues_after_its_last_entry(self):
        self.serve([RUNNING, text("half "), text("and half"), ENDED], breaks=(2, 3))
        events = list(self.client.run("hello"))
        self.assertEqual([event.sequence for event in events], [0, 1, 2, 3, 4])
        self.assertEqual([request.after_sequence for request in self.gateway.requests("WatchTask")], [2, 3])
        self.assertEqual(len(self.gateway.requests("RunTask")), 1)

    def test_a_submission_that_broke_before_the_task_was_known_is_sent_again(self):
        self.serve([ENDED])
        whole, broken = self.gateway.answers["RunTask"], [LOST]

        def run_task(request):
            if broken:
                raise broken.pop()
            yield from whole(request)

        self.gateway.answers["RunTask"] = run_task
        self.assertEqual(self.client.run("hello").result().text, "half and half")
        first, second = self.gateway.requests("RunTask")
        self.assertEqual(first, second)

    def test_the_text_is_the_last_message_of_the_newest_attempt_that_was_not_taken_back(self):
        taken_back = {"text_taken_back": {"message": 3}}
        log = [RUNNING, text("lost"), RUNNING, text("first"), text("sec", 2), text("ond", 2), text("x", 3), taken_back]
        self.serve([*log, FAILED])
        run = self.client.run("hello")
        seen = [run.text for event in run]
        self.assertEqual(seen, ["", "", "lost", "", "first", "sec", "second", "x", "second", "second"])

    def test_a_task_that_failed_has_an_event_and_raises_only_for_the_result(self):
        self.serve([RUNNING, FAILED])
        run = self.client.run("hello")
        self.assertEqual([type(event).__name__ for event in run], ["Accepted", "Started", "Ended"])
        with self.assertRaises(ccsp.TaskFailedError) as caught:
            run.result()
        error = caught.exception
        self.assertEqual((error.task_id, error.state, error.category), ("0-1", "FAILED", "TIMEOUT"))
        self.assertEqual(str(error), "task 0-1 ended FAILED: too slow")

    def test_the_last_end_counts_when_a_task_was_put_back(self):
        queued = {"state_changed": {"state": task_pb2.TASK_STATE_QUEUED, "reason": "mended"}}
        self.serve([RUNNING, FAILED, queued, RUNNING, ENDED], breaks=(2,))
        run = self.client.watch("0-1")
        self.assertEqual(run.result().text, "half and half")
        self.assertEqual([request.after_sequence for request in self.gateway.requests("WatchTask")], [0, 2])

    def test_a_stream_that_breaks_after_the_end_of_the_task_is_complete(self):
        self.serve([RUNNING, ENDED], breaks=(2,))
        gone = Refusal(grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")

        def removed(request):
            raise gone
            yield

        self.gateway.answers["WatchTask"] = removed
        self.assertEqual(self.client.run("hello").result().text, "half and half")

    def test_a_gateway_that_is_away_after_the_end_of_the_task_is_not_waited_for_long(self):
        self.serve([RUNNING, ENDED], breaks=(2,))

        def away(request):
            raise LOST
            yield

        self.gateway.answers["WatchTask"] = away
        client = open_client(self.gateway, patience=3)
        self.addCleanup(client.close)
        with unittest.mock.patch("ccsp.calls._AFTER_END", 0.2):
            self.assertEqual(client.run("hello").result().text, "half and half")
        self.assertLess(len(self.gateway.requests("WatchTask")), 5)

    def test_a_task_that_was_put_back_is_waited_for_as_long_as_before_its_end(self):
        queued = {"state_changed": {"state": task_pb2.TASK_STATE_QUEUED, "reason": "mended"}}
        self.serve([RUNNING, FAILED, queued, RUNNING, ENDED], breaks=(4,))
        watch, left = self.gateway.answers["WatchTask"], [LOST] * 4

        def away_for_a_while(request):
            if request.after_sequence == 4 and left:
                raise left.pop()
            yield from watch(request)

        self.gateway.answers["WatchTask"] = away_for_a_while
        with unittest.mock.patch("ccsp.calls._AFTER_END", 0.2):
            self.assertEqual(self.client.watch("0-1").result().text, "half and half")

    def test_a_watch_begins_after_a_sequence(self):
        self.serve([RUNNING, text("half "), text("and half"), ENDED])
        events = list(self.client.watch("0-1", after_sequence=2))
        self.assertEqual([event.sequence for event in events], [3, 4])

    def test_the_task_itself_says_how_it_ended_when_its_log_lost_the_end(self):
        self.serve([RUNNING])
        task = task_pb2.Task(
            id="0-1", state=task_pb2.TASK_STATE_SUCCEEDED, end_time={"seconds": 1}, result={"text": "answer"}
        )
        self.gateway.answers["GetTask"] = lambda request: api.GetTaskResponse(task=task)
        self.assertEqual(self.client.run("hello").result().text, "answer")

    def test_an_entry_of_a_kind_that_is_newer_is_skipped(self):
        self.serve([RUNNING, {}, ENDED])
        self.assertEqual([event.sequence for event in self.client.run("hello")], [0, 1, 3])

    def test_a_result_with_usage_has_it_in_an_event_before_once_for_each_attempt(self):
        end = {"text": "PONG", "usage": {"output_tokens": 7}, "cost_usd": {"value": 0.5}, "turns": 3, "model": "m"}
        ended = {"task_ended": {"state": task_pb2.TASK_STATE_SUCCEEDED, "result": end}}
        told = {"usage_so_far": {"turns": 1, "tool_uses": 2}}
        self.serve([text("PONG"), ended])
        run = self.client.run("hello")
        event = next(event for event in run if isinstance(event, ccsp.Used))
        self.assertEqual(event, ccsp.Used(1, 1, 3, None, task_pb2.Usage(output_tokens=7), 0.5, "m"))
        self.assertEqual((run.sequence, run.result().text), (1, "PONG"))
        self.assertEqual(self.kinds([RUNNING, told, ended]), ["Started", "Used", "Ended"])
        self.assertEqual(self.kinds([RUNNING, told, RUNNING, ended]), ["Started", "Used", "Started", "Used", "Ended"])
        self.assertEqual(self.kinds([ENDED]), ["Ended"])

    def kinds(self, log):
        self.serve(log)
        return [type(event).__name__ for event in self.client.watch("0-1")]

    def test_leaving_a_run_does_not_cancel_the_task(self):
        self.serve([RUNNING, text("half "), text("and half"), ENDED])
        run = self.client.run("hello")
        for event in run:
            if isinstance(event, ccsp.Text):
                break
        run.close()
        self.assertEqual(self.gateway.requests("CancelTask"), [])
        rest = self.client.watch(run.task_id, after_sequence=run.sequence)
        self.assertEqual([event.sequence for event in rest], [3, 4])


if __name__ == "__main__":
    unittest.main()
