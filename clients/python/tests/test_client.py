"""What surrounds the calls: settings from the environment, errors, logging, traces, and a network that is slow."""

import asyncio
import concurrent.futures
import logging
import multiprocessing
import pickle
import select
import socket
import tempfile
import threading
import time
import unittest
import unittest.mock
from importlib.metadata import version
from pathlib import Path

import ccsp
import grpc
from ccsp.connection import connection
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.task.v1 import task_pb2
from fake_gateway import FakeGateway, Refusal, open_client
from test_tls import HAS_OPENSSL, certificate

TASK = task_pb2.Task(id="0-1", state=task_pb2.TASK_STATE_QUEUED)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def fail_in_another_process(error):
    raise error


class Environment(unittest.TestCase):
    def of(self, env, target=None, **given):
        names = ("token", "token_file", "ca_file", "certificate_file", "key_file", "server_name")
        options = dict.fromkeys(names) | given
        return connection(target, connect_timeout=2.0, patience=60.0, env=env, **options)

    def test_the_gateway_the_token_and_the_authority_come_from_the_environment(self):
        env = {"CCSP_GATEWAY": "gateway:3000", "CCSP_TOKEN": "secret", "CCSP_CA_FILE": "system"}
        found = self.of(env)
        self.assertEqual((found.target, found.token, found.token_file), ("gateway:3000", "secret", None))
        self.assertNotIn("secret", repr(found))
        self.assertIsNotNone(found.credentials)
        found = self.of({"CCSP_GATEWAY": "gateway:3000", "CCSP_TOKEN_FILE": "/run/token", "CCSP_CA_FILE": ""})
        self.assertEqual((found.token, found.token_file, found.credentials), (None, "/run/token", None))

    def test_an_argument_counts_before_the_environment_and_the_authority_is_that_of_its_gateway(self):
        env = {"CCSP_GATEWAY": "a:1", "CCSP_TOKEN": "a", "CCSP_TOKEN_FILE": "a", "CCSP_CA_FILE": "missing.pem"}
        found = self.of(env, "b:2", token_file="b")
        self.assertEqual((found.target, found.token, found.token_file, found.credentials), ("b:2", None, "b", None))
        with self.assertRaises(FileNotFoundError):
            self.of(env, token="b")

    def test_what_is_missing_is_named_with_its_variable(self):
        for env, said in (
            ({"CCSP_TOKEN": "a"}, "CCSP_GATEWAY"),
            ({"CCSP_GATEWAY": "a:1"}, "CCSP_TOKEN or CCSP_TOKEN_FILE"),
            ({"CCSP_GATEWAY": "a:1", "CCSP_TOKEN": "a", "CCSP_TOKEN_FILE": "b"}, "either CCSP_TOKEN or"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                self.of(env)

    def test_a_folder_of_authorities_is_read_as_openssl_reads_it(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "0a1b2c3d.0").write_text("-----BEGIN CERTIFICATE-----\n")
            Path(folder, "readme.txt").write_text("nothing")
            paths = unittest.mock.Mock(cafile=None, capath=folder)
            with (
                unittest.mock.patch("ssl.get_default_verify_paths", return_value=paths),
                unittest.mock.patch("grpc.ssl_channel_credentials") as made,
            ):
                self.of({}, "a:1", token="b", ca_file="system")
        made.assert_called_once_with(b"-----BEGIN CERTIFICATE-----\n", None, None)

    def test_the_package_has_the_version_of_its_distribution(self):
        self.assertEqual(ccsp.__version__, version("ccsp-client"))


class Errors(unittest.TestCase):
    def setUp(self):
        self.gateway = FakeGateway()
        self.addCleanup(self.gateway.close)
        self.client = open_client(self.gateway)
        self.addCleanup(self.client.close)
        self.open = threading.Event()
        self.addCleanup(self.open.set)

    def test_each_error_crosses_processes_with_all_that_it_says_below_one_base(self):
        full = ccsp.QueueFullError(
            "QUEUE_FULL", "full", fields=[ccsp.Field("spec.model", "long")], metadata={"a": "b"}, retry_after=2.0
        )
        full.may_have_taken_effect, full.request_ids = True, ("mine",)
        failed = ccsp.TaskFailedError("0-1", "FAILED", task_pb2.TaskError(category=3, message="too many"))
        late = ccsp.RunTimeoutError("DEADLINE_EXCEEDED", "over")
        late.task_id, late.sequence = "0-1", 7
        for error in (full, failed, late):
            self.assertIsInstance(error, ccsp.Error)
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(copy), str(copy), vars(copy)), (type(error), str(error), vars(error)))
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            with self.assertRaises(ccsp.TaskFailedError) as caught:
                pool.submit(fail_in_another_process, failed).result()
            self.assertEqual(caught.exception.error, failed.error)

    def serve_a_task_that_lasts(self):
        def run_task(request):
            yield api.RunTaskResponse(task=TASK)
            yield api.RunTaskResponse(event={"sequence": 1, "tool_use": {"name": "Read"}})
            self.open.wait(60)

        self.gateway.answers["RunTask"] = run_task

    def test_a_run_whose_time_is_over_tells_the_task_and_is_no_outage(self):
        self.serve_a_task_that_lasts()
        run = self.client.run("hello", timeout=4)
        with self.assertRaises(ccsp.RunTimeoutError) as caught:
            run.result()
        error = caught.exception
        self.assertEqual((error.task_id, error.sequence, error.reason), ("0-1", 1, "DEADLINE_EXCEEDED"))
        self.assertEqual((error.retryable, isinstance(error, ccsp.UnavailableError)), (False, False))
        self.assertEqual(len(self.gateway.requests("RunTask")) + len(self.gateway.requests("WatchTask")), 1)

        async def program():
            async with ccsp.AsyncClient(self.gateway.target, token="secret") as client:
                await client.run("hello", timeout=4).result()

        with self.assertRaises(ccsp.RunTimeoutError) as caught:
            asyncio.run(program())
        self.assertEqual(caught.exception.task_id, "0-1")

    def test_a_gateway_that_went_away_during_a_run_is_an_outage_and_its_error_has_the_task(self):
        def breaks(request):
            yield api.RunTaskResponse(task=TASK)
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")

        def away(request):
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
            yield

        self.gateway.answers.update(RunTask=breaks, WatchTask=away)
        with self.assertRaises(ccsp.UnavailableError) as caught:
            self.client.run("hello", timeout=4).result()
        self.assertEqual(caught.exception.task_id, "0-1")

    def test_the_end_of_a_with_block_ends_the_stream(self):
        left = threading.Event()

        def endless(request):
            try:
                yield api.RunTaskResponse(task=TASK)
                for sequence in range(1, 1_000_000):
                    yield api.RunTaskResponse(event={"sequence": sequence, "tool_use": {"name": "Read"}})
            finally:
                left.set()

        self.gateway.answers["RunTask"] = endless
        with self.client.run("hello") as run:
            next(run)
        self.assertTrue(left.wait(10))

    def test_a_repeat_is_logged_without_the_token(self):
        errors = [Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")]

        def answer(request):
            if errors:
                raise errors.pop()
            return api.GetTaskResponse(task=TASK)

        self.gateway.answers["GetTask"] = answer
        with self.assertLogs("ccsp", logging.WARNING) as logged:
            self.client.get("0-1")
        self.assertRegex("\n".join(logged.output), r"SHUTTING_DOWN: the call is repeated in \d\.\d s")
        self.assertNotIn("secret", "\n".join(logged.output))


class Traces(unittest.TestCase):
    def setUp(self):
        self.gateway = FakeGateway()
        self.addCleanup(self.gateway.close)
        self.gateway.answers["SubmitTask"] = lambda request: api.SubmitTaskResponse(task=TASK)
        self.client = open_client(self.gateway)
        self.addCleanup(self.client.close)

    def sent(self):
        return self.gateway.headers[-1].get("traceparent")

    def test_a_submission_continues_the_given_trace_or_that_of_the_active_span(self):
        self.client.submit("hello")
        self.assertIsNone(self.sent())
        self.client.submit("hello", traceparent=TRACEPARENT)
        self.assertEqual(self.sent(), TRACEPARENT)
        active = unittest.mock.Mock(inject=lambda carrier: carrier.update(traceparent=TRACEPARENT, baggage="a=b"))
        with unittest.mock.patch("ccsp.operations.propagate", active):
            self.client.submit("hello")
            self.assertEqual((self.sent(), self.gateway.headers[-1].get("baggage")), (TRACEPARENT, None))

    def test_a_trace_context_of_a_wrong_form_is_refused_before_anything_is_sent(self):
        with self.assertRaisesRegex(ValueError, "traceparent has to be"):
            self.client.run("hello", traceparent="00-x\r\n")
        self.assertEqual(self.gateway.calls, [])


@HAS_OPENSSL
class SlowNetwork(unittest.TestCase):
    def test_a_gateway_behind_tls_is_reached_over_a_round_trip_of_200_ms(self):
        with tempfile.TemporaryDirectory() as folder:
            key, pem = certificate(Path(folder), "gateway")
            pair = [(key.read_bytes(), pem.read_bytes())]
            gateway = FakeGateway(grpc.ssl_server_credentials(pair))
            self.addCleanup(gateway.close)
            gateway.answers["GetTask"] = lambda request: api.GetTaskResponse(task=TASK)
            target, connections = far_away(self, gateway.target, 0.1)
            # A busy machine may need more than the usual two seconds. But no try to connect is cut off.
            options = {"ca_file": pem, "server_name": "gateway.test", "connect_timeout": 15}
            with ccsp.Client(target, token="secret", **options) as client:
                self.assertEqual(client.get("0-1").id, "0-1")
            self.assertEqual(len(connections), 1)


def far_away(test, target, seconds):
    """The address of a proxy that delivers each byte, in both directions, after this time; and its connections."""
    host, port = target.split(":")
    connections = []
    listener = socket.create_server(("127.0.0.1", 0))
    test.addCleanup(listener.close)

    def pump(source, sink):
        late = []
        try:
            while True:
                wait = max(0, late[0][0] - time.monotonic()) if late else 60
                if select.select([source], [], [], wait)[0]:
                    data = source.recv(65536)
                    late.append((time.monotonic() + seconds, data))
                while late and late[0][0] <= time.monotonic():
                    data = late.pop(0)[1]
                    if not data:
                        return sink.shutdown(socket.SHUT_WR)
                    sink.sendall(data)
        except (OSError, ValueError):
            pass

    def accept():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            connections.append(near)
            # The connection itself takes a round trip too.
            time.sleep(2 * seconds)
            far = socket.create_connection((host, int(port)))
            test.addCleanup(near.close)
            test.addCleanup(far.close)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}", connections


if __name__ == "__main__":
    unittest.main()
