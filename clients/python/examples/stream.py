"""Runs one prompt and shows the answer while it is written."""

import sys

import ccsp

with ccsp.Client() as client:
    run = client.run("Say hello in one sentence", priority="high", labels={"team": "docs"})
    for event in run:
        match event:
            case ccsp.Text():
                print(event.text, end="", flush=True)
            case ccsp.TakenBack():
                print("\n[this message is no longer valid]", flush=True)
            case ccsp.Waiting():
                print(f"waits: {event.reason}", file=sys.stderr)
    result = run.result()
    cost = f"${result.cost_usd.value:.4f}" if result.HasField("cost_usd") else "unknown"
    print(f"\n{result.model}, {result.turns} turn(s), cost {cost}", file=sys.stderr)
