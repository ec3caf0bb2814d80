"""Tests an agent without a fleet: `python -m unittest test_agent`, or pytest."""

import unittest

import ccsp
from ccsp.task.v1 import task_pb2
from ccsp.testing import Answer, Failure, FakeGateway


def summarise(client: ccsp.Client, text: str) -> str:
    """The agent. It asks for a shorter text if the model cannot read the whole one."""
    try:
        return client.run(f"Summarise: {text}", labels={"kind": "summary"}).result().text
    except ccsp.TaskFailedError as error:
        if error.category != "CONTEXT_OVERFLOW":
            raise
        return client.run(f"Summarise: {text[:100]}", labels={"kind": "summary"}).result().text


def model(spec: task_pb2.TaskSpec) -> Answer:
    return "A short text." if len(spec.prompt) < 200 else Failure("CONTEXT_OVERFLOW", "too long")


class AgentTest(unittest.TestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway(model)
        self.addCleanup(self.gateway.close)
        self.client = ccsp.Client(self.gateway.target, token="any")
        self.addCleanup(self.client.close)

    def test_a_long_text_is_cut(self) -> None:
        self.assertEqual(summarise(self.client, "long " * 100), "A short text.")
        first, second = self.gateway.tasks
        self.assertEqual((first.state, second.spec.labels["kind"]), (task_pb2.TASK_STATE_FAILED, "summary"))

    def test_a_full_queue_is_told(self) -> None:
        self.gateway.refuse("QUEUE_FULL", retry_after=2)
        with self.assertRaises(ccsp.QueueFullError) as caught:
            summarise(self.client, "text")
        self.assertEqual(caught.exception.retry_after, 2)


if __name__ == "__main__":
    unittest.main()
