"""A client of CCSP in plain Python: stubs generated from the protos, no SDK.

usage: python_client.py PROTO_DIR TARGET   (token in CCSP_TOKEN)
"""
import glob
import importlib
import os
import sys
import tempfile

import grpc
from grpc_tools import protoc


def generate(proto_dir: str, out: str) -> None:
    files = [os.path.relpath(file, proto_dir) for file in glob.glob(f"{proto_dir}/ccsp/**/*.proto", recursive=True)]
    includes = os.path.join(os.path.dirname(grpc_tools_file()), "_proto")
    code = protoc.main(["protoc", f"-I{proto_dir}", f"-I{includes}", "-I/usr/include", f"--python_out={out}", f"--grpc_python_out={out}", *files])
    if code != 0:
        raise SystemExit(f"protoc failed with {code}")


def grpc_tools_file() -> str:
    import grpc_tools

    return grpc_tools.__file__


def main() -> None:
    proto_dir, target = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as out:
        generate(proto_dir, out)
        sys.path.insert(0, out)
        api = importlib.import_module("ccsp.gateway.v1.agent_service_pb2")
        stubs = importlib.import_module("ccsp.gateway.v1.agent_service_pb2_grpc")
        tasks = importlib.import_module("ccsp.task.v1.task_pb2")

        metadata = [("authorization", "Bearer " + os.environ["CCSP_TOKEN"])]
        with grpc.insecure_channel(target) as channel:
            agent = stubs.AgentServiceStub(channel)
            spec = tasks.TaskSpec(prompt="hello from python")
            task = agent.SubmitTask(
                api.SubmitTaskRequest(spec=spec, request_id="python-1"), metadata=metadata, timeout=10
            ).task
            print("submitted", task.id)
            for message in agent.WatchTask(api.WatchTaskRequest(task_id=task.id), metadata=metadata, timeout=60):
                kind = message.event.WhichOneof("event")
                print(message.event.sequence, kind)
                if kind == "task_ended":
                    print(tasks.TaskState.Name(message.event.task_ended.state), message.event.task_ended.result.text)
            try:
                agent.GetTask(api.GetTaskRequest(task_id=task.id), timeout=10)
            except grpc.RpcError as error:
                print("without a token:", error.code().name)


main()
