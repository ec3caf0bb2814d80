"""Adds the stubs of the public protos while the package is built. pyproject.toml has everything else."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROTOS = Path(__file__).resolve().parents[2] / "proto"
SERVICE = PROTOS / "ccsp/gateway/v1/agent_service.proto"
#: What the service needs, and what its errors carry.
FOLDERS = ("ccsp/access/v1", "ccsp/task/v1", "ccsp/error/v1", "ccsp/usage/v1")
#: The last protoc whose code is for this major version of Python's protobuf.
LAST_PROTOC = {4: 25, 5: 29, 6: 33}


class BuildWithStubs(build_py):
    def run(self) -> None:
        # Files of an earlier build would get into the wheel.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        with tempfile.TemporaryDirectory() as own:
            # protobuf refuses two files of one name in a process, and another package of the agent may bring Google's
            # complete google/rpc/error_details.proto. So the part that CCSP uses gets a name of its own.
            details = Path(own, "ccsp/rpc/v1/error_details.proto")
            details.parent.mkdir(parents=True)
            text = (PROTOS / "google/rpc/error_details.proto").read_text("utf-8")
            details.write_text(text.replace("package google.rpc;", "package ccsp.rpc.v1;"), "utf-8")
            shared = [str(file) for folder in FOLDERS for file in sorted((PROTOS / folder).glob("*.proto"))]
            out = Path(self.build_lib).resolve()
            plugin = f"--plugin=protoc-gen-grpc_python={program('grpc_python_plugin')}"
            protoc = ["protoc", f"-I{PROTOS}", f"-I{own}", plugin]
            messages = [str(SERVICE), *shared, str(details)]
            subprocess.run([*protoc, f"--python_out={out}", f"--pyi_out={out}", *messages], check=True)
            subprocess.run([*protoc, f"--grpc_python_out={out}", str(SERVICE)], check=True)


def program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise SystemExit(f"{name} is missing (Debian: protobuf-compiler, protobuf-compiler-grpc and libprotobuf-dev)")
    return found


def runtime() -> str:
    """The versions of protobuf that run the code of this protoc: not an older one, and at most one major newer."""
    said = subprocess.run([program("protoc"), "--version"], check=True, capture_output=True, text=True).stdout
    minor, patch = said.split()[-1].split(".")[-2:]  # from `libprotoc 3.21.12` or `libprotoc 30.2`
    major = next((major for major, last in LAST_PROTOC.items() if int(minor) <= last), 7)
    return f"protobuf>={major}.{minor}.{patch},<{major + 2}"


setup(cmdclass={"build_py": BuildWithStubs}, install_requires=["grpcio>=1.51", runtime()])
