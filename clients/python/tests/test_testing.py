"""The gateway in memory that the package has for the tests of agents."""

import asyncio
import importlib.util
import threading
import unittest
from pathlib import Path

import ccsp
from ccsp.task.v1 import task_pb2
from ccsp.testing import Failure, FakeGateway
from test_rpcs import METHODS, README

EXAMPLE = Path(__file__).resolve().parents[1] / "examples/test_agent.py"


class Double(unittest.TestCase):
    def open(self, **options):
        gateway = FakeGateway(**options)
        self.addCleanup(gateway.close)
        client = ccsp.Client(gateway.target, token="any")
        self.addCleanup(client.close)
        return gateway, client

    def test_the_example_of_the_page_passes(self):
        found = importlib.util.spec_from_file_location("test_agent", EXAMPLE)
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        result = unittest.TestResult()
        unittest.TestLoader().loadTestsFromModule(module).run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (2, [], []))
        self.assertIn(f"```python\n{EXAMPLE.read_text('utf-8')}```", README.read_text("utf-8"))

    def test_a_task_runs_at_once_and_is_stored_once_for_its_request_id(self):
        gateway, client = self.open()
        run = client.run("hello", request_id="mine", conversation={})
        kinds = [type(event).__name__ for event in run]
        self.assertEqual(kinds, ["Accepted", "Started", "Text", "Ended"])
        self.assertEqual((run.result().text, run.text), ("You said: hello", "You said: hello"))
        self.assertNotEqual(run.result().conversation_id, "")
        self.assertEqual(client.submit("hello", request_id="mine", conversation={}).id, run.task_id)
        with self.assertRaises(ccsp.ConflictError):
            client.submit("other", request_id="mine")
        self.assertEqual([task.spec.prompt for task in gateway.tasks], ["hello"])

    def test_a_task_without_an_answer_runs_until_the_test_ends_it_across_broken_streams(self):
        gateway, client = self.open(answer=lambda spec: None)
        run = client.run("hello")
        self.assertEqual([type(next(run)).__name__ for _ in range(2)], ["Accepted", "Started"])
        gateway.drop_streams()
        gateway.end(run.task_id, "late")
        self.assertEqual(run.result().text, "late")
        with self.assertRaisesRegex(ValueError, "ended before"):
            gateway.end(run.task_id, "again")
        cancelled = client.submit("hello").id
        client.cancel(cancelled)
        with self.assertRaises(ccsp.TaskFailedError) as caught:
            client.watch(cancelled).result()
        self.assertEqual(caught.exception.state, "CANCELLED")

    def test_a_failed_task_is_listed_and_runs_again(self):
        answers = [Failure("TIMEOUT", "too slow"), "at last"]
        gateway, client = self.open(answer=lambda spec: answers.pop(0))
        done = client.submit_many([{"prompt": "hello", "labels": {"team": "a"}}])
        [task] = client.list(states=["failed"], labels={"team": "a"})
        self.assertEqual((task.id, task.error.message), (done[0].task_id, "too slow"))
        self.assertEqual(list(client.list(labels={"team": "b"})), [])
        self.assertEqual(client.retry(task.id).state, task_pb2.TASK_STATE_QUEUED)
        self.assertEqual(client.watch(task.id).result().text, "at last")
        with self.assertRaises(ccsp.TaskStateError):
            client.retry(task.id)

    def test_each_reason_that_an_agent_can_meet_can_be_refused(self):
        gateway, client = self.open()
        for kind in ccsp.CcspError.__subclasses__():
            for reason in kind.reasons:
                # The client repeats some by itself, and gives up at once if the wait is longer than its patience.
                gateway.refuse(reason, retry_after=90, metadata={"a": "b"})
                with self.assertRaises(kind) as caught:
                    client.get("0-1")
                self.assertEqual((caught.exception.reason, caught.exception.metadata), (reason, {"a": "b"}))
        with self.assertRaisesRegex(ValueError, "is no reason"):
            gateway.refuse("QUEUE_FUL")

    def test_the_client_for_asyncio_calls_it_too(self):
        gateway, _ = self.open()

        async def program():
            async with ccsp.AsyncClient(gateway.target, token="any") as client:
                runs = (client.run(f"hello {at}").result() for at in range(30))
                return [result.text for result in await asyncio.gather(*runs)]

        self.assertEqual(asyncio.run(program()), [f"You said: hello {at}" for at in range(30)])

    def test_every_method_of_the_client_is_answered(self):
        gateway, client = self.open()
        task_id = client.submit("hello").id
        for name, call in METHODS.items():
            with self.subTest(name):
                try:
                    call(client)
                except (ccsp.NotFoundError, ccsp.TaskStateError):
                    self.assertIn(name, ("WatchTask", "GetTask", "CancelTask", "RetryTask", "DeleteSchedule"))
        self.assertEqual(client.get(task_id).result.text, "You said: hello")

    def test_a_function_that_fails_is_told_to_the_agent(self):
        def wrong(spec):
            raise KeyError("answer")

        _, client = self.open(answer=wrong)
        with self.assertRaisesRegex(ccsp.TaskFailedError, "the function that answers tasks failed: KeyError"):
            client.run("hello").result()

    def test_many_runs_may_wait_at_once(self):
        both = threading.Barrier(20)
        _, client = self.open(answer=lambda spec: str(both.wait(60)) and "met")
        runs = [threading.Thread(target=lambda: texts.append(client.run("hello").result().text)) for _ in range(20)]
        texts = []
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        self.assertEqual(texts, ["met"] * 20)


if __name__ == "__main__":
    unittest.main()
