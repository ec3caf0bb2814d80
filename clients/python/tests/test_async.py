import asyncio
import inspect
import threading
import time
import unittest

import ccsp
import grpc
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.task.v1 import task_pb2
from fake_gateway import RPCS, FakeGateway, LostAnswer, Refusal
from test_rpcs import METHODS
from test_run import ENDED, FAILED, RUNNING, text

LOST = Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


class AsyncCalls(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.gateway = FakeGateway(threads=64)
        self.addCleanup(self.gateway.close)
        self.open = threading.Event()
        self.addCleanup(self.open.set)

    async def client(self, **options):
        client = ccsp.AsyncClient(self.gateway.target, **({"token": "secret"} | options))
        self.addAsyncCleanup(client.close)
        return client

    def serve(self, log, *, breaks=(), waits=None):
        """The log of the task. `breaks` are the sequences after which a stream is lost."""
        entries = [task_pb2.TaskEvent(sequence=at, attempt=1, **event) for at, event in enumerate(log, 1)]
        left = list(breaks)

        def send(entries):
            for entry in entries:
                yield entry
                if waits:
                    waits()
                if entry.sequence in left:
                    left.remove(entry.sequence)
                    raise LOST

        def run_task(request):
            yield api.RunTaskResponse(task=task_pb2.Task(id="0-1"))
            yield from (api.RunTaskResponse(event=entry) for entry in send(entries))

        def watch_task(request):
            yield from (api.WatchTaskResponse(event=entry) for entry in send(entries[request.after_sequence :]))

        self.gateway.answers.update(RunTask=run_task, WatchTask=watch_task)

    async def test_each_rpc_is_called_as_by_the_client_for_threads(self):
        def refuse(request):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")

        def refuse_stream(request):
            refuse(request)
            yield

        for name, streams in RPCS.items():
            self.gateway.answers[name] = refuse_stream if streams else refuse
        client = await self.client()
        client_list = client.list

        async def read_all(**filter):
            return [task async for task in client_list(**filter)]

        # METHODS has `list(client.list())`, which is for iterators.
        methods = METHODS | {"ListTasks": lambda client: read_all()}
        for name, call in methods.items():
            with self.subTest(name), self.assertRaises(ccsp.InvalidTaskError):
                await call(client)
            self.assertEqual(self.gateway.calls[-1][0], name)

    def test_its_methods_are_those_of_the_client_for_threads(self):
        for threads, loop in (
            (ccsp.Client, ccsp.AsyncClient),
            (ccsp.Schedules, ccsp.AsyncSchedules),
            (ccsp.Run, ccsp.AsyncRun),
        ):
            for name in [name for name in vars(threads) if not name.startswith("_")] + ["__init__"]:
                one, other = (getattr(kind, name) for kind in (threads, loop))
                if not callable(one):
                    continue
                self.assertEqual(
                    list(inspect.signature(one).parameters), list(inspect.signature(other).parameters), name
                )

    async def test_a_broken_stream_continues_after_its_last_entry(self):
        self.serve([RUNNING, text("half "), text("and half"), ENDED], breaks=(2, 3))
        client = await self.client()
        async with client.run("hello") as run:
            events = [event async for event in run]
        self.assertEqual([event.sequence for event in events], [0, 1, 2, 3, 4])
        self.assertEqual([request.after_sequence for request in self.gateway.requests("WatchTask")], [2, 3])
        self.assertEqual((await run.result()).text, "half and half")

    async def test_a_task_that_failed_raises_for_the_result(self):
        self.serve([RUNNING, FAILED])
        with self.assertRaises(ccsp.TaskFailedError) as caught:
            await (await self.client()).run("hello").result()
        self.assertEqual(caught.exception.category, "TIMEOUT")

    async def test_a_repeated_submission_carries_the_same_request_id_and_an_awaited_token(self):
        errors = [LostAnswer(), LostAnswer()]

        def stored(request):
            if errors:
                raise errors.pop()
            return api.SubmitTaskResponse(task=task_pb2.Task(id="0-1"))

        async def token():
            await asyncio.sleep(0)
            return "fresh"

        self.gateway.answers["SubmitTask"] = stored
        task = await (await self.client(token=token)).submit("hello")
        self.assertEqual(task.id, "0-1")
        self.assertEqual(len({request.request_id for request in self.gateway.requests("SubmitTask")}), 1)
        self.assertEqual(set(self.gateway.tokens()), {"Bearer fresh"})

    async def test_thirty_runs_at_once_start_thirty(self):
        started, all_started = [], threading.Event()

        def waits():
            started.append(1)
            if len(started) >= 30:
                all_started.set()
            all_started.wait(20)

        self.serve([RUNNING, ENDED], waits=waits)
        client = await self.client()
        results = await asyncio.gather(*(client.run("hello").result() for _ in range(30)))
        self.assertEqual([result.text for result in results], ["half and half"] * 30)
        self.assertTrue(all_started.is_set())

    def test_a_wait_that_gives_up_ends_the_call_and_the_loop_at_once(self):
        left = threading.Event()

        def endless(request):
            try:
                yield api.RunTaskResponse(task=task_pb2.Task(id="0-1"))
                while not self.open.wait(0.05):
                    yield api.RunTaskResponse(event={"sequence": 0})
            finally:
                left.set()

        def slow(request):
            self.open.wait(60)
            return api.GetTaskResponse()

        self.gateway.answers.update(RunTask=endless, GetTask=slow)

        async def program():
            client = ccsp.AsyncClient(self.gateway.target, token="secret")
            run = client.run("hello")
            await anext(run)  # Only what comes after the acceptance is cut off.
            for wait in (run.result(), client.get("0-1")):
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(wait, 0.3)
            return run.task_id

        before = time.monotonic()
        self.assertEqual(asyncio.run(program()), "0-1")
        # It was 22 s; both waits and the end of the loop take less than the server's 60 s in any case.
        self.assertLess(time.monotonic() - before, 15)
        self.assertTrue(left.wait(20))

    async def test_closing_ends_what_is_in_progress_with_an_error_of_the_package(self):
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(request):
            loop.call_soon_threadsafe(asked.set)
            self.open.wait(60)
            return api.SubmitTaskResponse()

        self.gateway.answers["SubmitTask"] = slow
        client = await self.client()
        call = asyncio.create_task(client.submit("hello", request_id="mine"))
        await asked.wait()
        await client.close()
        with self.assertRaises(ccsp.CcspError) as caught:
            await call
        error = caught.exception
        self.assertEqual(
            (error.reason, error.may_have_taken_effect, error.request_id), ("CALL_CANCELLED", True, "mine")
        )
        with self.assertRaisesRegex(ccsp.CcspError, "the client is closed"):
            await client.get("0-1")

    async def test_a_gateway_that_is_away_is_told_as_by_the_client_for_threads(self):
        self.gateway.close()
        with self.assertRaisesRegex(ccsp.UnavailableError, "for 0.2 s without TLS"):
            await (await self.client(connect_timeout=0.2)).get("0-1")


if __name__ == "__main__":
    unittest.main()
