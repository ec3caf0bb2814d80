import re
import unittest
from pathlib import Path

import ccsp
import grpc
from fake_gateway import RPCS, FakeGateway, Refusal, open_client

README = Path(__file__).resolve().parents[1] / "README.md"
METHODS = {
    "SubmitTask": lambda client: client.submit("hello"),
    "SubmitTasks": lambda client: client.submit_many([{"prompt": "hello"}]),
    "RunTask": lambda client: client.run("hello").result(),
    "WatchTask": lambda client: client.watch("0-1").result(),
    "GetTask": lambda client: client.get("0-1"),
    "ListTasks": lambda client: list(client.list()),
    "CancelTask": lambda client: client.cancel("0-1"),
    "RetryTask": lambda client: client.retry("0-1"),
    "ExplainTask": lambda client: client.explain("0-1"),
    "GetTaskTrace": lambda client: client.trace("0-1"),
    "EstimateTask": lambda client: client.estimate(),
    "PutSchedule": lambda client: client.schedules.put("a", "* * * * *", {"prompt": "hello"}),
    "ListSchedules": lambda client: client.schedules.list(),
    "DeleteSchedule": lambda client: client.schedules.delete("a"),
    "GetMyUsage": lambda client: client.usage(),
    "GetMyForecast": lambda client: client.forecast(),
    "GetMyBudgets": lambda client: client.budgets(),
    "GetCapabilities": lambda client: client.capabilities(),
}
#: The RPCs that have no method, each with the reason.
WITHOUT_METHOD = {}


class Rpcs(unittest.TestCase):
    """What the client offers is what the service offers."""

    def test_each_rpc_has_a_method_that_calls_it_or_a_reason(self):
        self.assertEqual(set(METHODS) | set(WITHOUT_METHOD), set(RPCS))
        gateway = FakeGateway()
        self.addCleanup(gateway.close)
        client = open_client(gateway)
        self.addCleanup(client.close)

        def refuse(request):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")

        def refuse_stream(request):
            refuse(request)
            yield

        for name, streams in RPCS.items():
            gateway.answers[name] = refuse_stream if streams else refuse
        for name, call in METHODS.items():
            with self.subTest(name), self.assertRaises(ccsp.InvalidTaskError):
                call(client)
            self.assertEqual(gateway.calls[-1][0], name)

    def test_each_method_is_in_the_table_of_the_readme(self):
        table = README.read_text("utf-8").split("\n## Methods\n")[1].split("\n## ")[0]
        public = {name for name in vars(ccsp.Client) if not name.startswith("_")}
        self.assertEqual(public - set(re.findall(r"`(\w+)\(", table)), set())


if __name__ == "__main__":
    unittest.main()
