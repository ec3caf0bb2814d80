"""Asks several questions at once, in asyncio code, and gives each a minute."""

import asyncio

import ccsp

QUESTIONS = ["Name a river", "Name a mountain", "Name a lake"]


async def ask(client: ccsp.AsyncClient, question: str) -> str:
    try:
        return (await client.run(question, timeout=60).result()).text
    except ccsp.RunTimeoutError as error:
        return f"task {error.task_id} takes longer, and continues"
    except ccsp.TaskFailedError as error:
        return f"failed: {error.category}"


async def main() -> None:
    async with ccsp.AsyncClient() as client:
        answers = await asyncio.gather(*(ask(client, question) for question in QUESTIONS))
    for question, answer in zip(QUESTIONS, answers, strict=True):
        print(f"{question}: {answer}")


asyncio.run(main())
