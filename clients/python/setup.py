"""Adds the stubs of the public protos while the package is built. pyproject.toml has everything else."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROTOS = Path(__file__).resolve().parents[2] / "proto"
PUBLIC = ("ccsp/gateway/v1", "ccsp/task/v1", "ccsp/error/v1")


class BuildWithStubs(build_py):
    def run(self) -> None:
        super().run()
        plugin = shutil.which("grpc_python_plugin")
        if not shutil.which("protoc") or not plugin:
            raise SystemExit("protoc or its plugin is missing (Debian: protobuf-compiler and protobuf-compiler-grpc)")
        with tempfile.TemporaryDirectory() as own:
            # protobuf refuses two files of one name in a process, and another package of the agent may bring Google's
            # complete google/rpc/error_details.proto. So the part that CCSP uses gets a name of its own.
            details = Path(own, "ccsp/rpc/v1/error_details.proto")
            details.parent.mkdir(parents=True)
            text = (PROTOS / "google/rpc/error_details.proto").read_text("utf-8")
            details.write_text(text.replace("package google.rpc;", "package ccsp.rpc.v1;"), "utf-8")
            files = [str(file) for folder in PUBLIC for file in sorted((PROTOS / folder).glob("*.proto"))]
            out = Path(self.build_lib).resolve()
            protoc = ["protoc", f"-I{PROTOS}", f"-I{own}", f"--plugin=protoc-gen-grpc_python={plugin}"]
            subprocess.run([*protoc, f"--python_out={out}", f"--pyi_out={out}", *files, str(details)], check=True)
            service = [f"--grpc_python_out={out}", str(PROTOS / "ccsp/gateway/v1/agent_service.proto")]
            subprocess.run([*protoc, *service], check=True)


setup(cmdclass={"build_py": BuildWithStubs})
