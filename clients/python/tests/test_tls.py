import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import ccsp
import grpc
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.task.v1 import task_pb2
from fake_gateway import FakeGateway

KEY = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]

HAS_OPENSSL = unittest.skipUnless(shutil.which("openssl"), "the command openssl makes the certificates")


def certificate(folder, name):
    """The files of a new key and its certificate, for gateway.test."""
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:gateway.test"]
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run([*KEY, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return key, pem


@HAS_OPENSSL
class Tls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("gateway", "agent"):
            certificate(self.folder, name)
        read = {file.name: file.read_bytes() for file in self.folder.iterdir()}
        pair = [(read["gateway.key"], read["gateway.pem"])]
        self.gateway = FakeGateway(grpc.ssl_server_credentials(pair, read["agent.pem"], require_client_auth=True))
        self.addCleanup(self.gateway.close)
        task = task_pb2.Task(id="0-1")
        self.gateway.answers["GetTask"] = lambda request: api.GetTaskResponse(task=task)

    def get(self, **options):
        files = {name: self.folder / file for name, file in options.items()}
        with ccsp.Client(
            self.gateway.target, token="secret", server_name="gateway.test", connect_timeout=0.5, **files
        ) as client:
            return client.get("0-1").id

    def test_a_gateway_that_wants_a_certificate_gets_the_agents_own(self):
        own = {"certificate_file": "agent.pem", "key_file": "agent.key"}
        self.assertEqual(self.get(ca_file="gateway.pem", **own), "0-1")
        for wrong, said in (
            ({}, "for 0.5 s without TLS"),
            ({"ca_file": "gateway.pem"}, "for 0.5 s with TLS"),
            ({"ca_file": "agent.pem", **own}, "(?i)certificate.verify.failed"),
        ):
            with self.assertRaisesRegex(ccsp.UnavailableError, said):
                self.get(**wrong)

    def test_options_that_do_not_fit_together_are_refused(self):
        for wrong in ({"ca_file": "gateway.pem", "key_file": "agent.key"}, {"certificate_file": "agent.pem"}):
            with self.assertRaisesRegex(ValueError, "certificate_file and key_file belong together"):
                self.get(**wrong)
        for wrong in ({}, {"token": "a", "token_file": "b"}):
            with self.assertRaisesRegex(ValueError, "either token or token_file"):
                ccsp.Client("127.0.0.1:1", **wrong)


if __name__ == "__main__":
    unittest.main()
