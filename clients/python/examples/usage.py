"""Shows what this agent used, is expected to use and may use, and where the time of its newest task went."""

import itertools
from datetime import timedelta

import ccsp
from ccsp.usage.v1 import forecast_pb2

with ccsp.Client() as client:
    for row in client.usage(group_by=["model", "priority"]).rows:  # the last 24 hours
        tokens = row.usage.input_tokens + row.usage.output_tokens
        print(f"{row.model} ({row.priority}): {row.runs} run(s), {tokens} tokens, ${row.cost_usd:.4f}")

    forecast = client.forecast("cost", horizon=timedelta(hours=1))
    if forecast.state == forecast_pb2.FORECAST_STATE_KNOWN:
        print(f"expected in the next hour: ${forecast.expected:.2f} (${forecast.low:.2f} to ${forecast.high:.2f})")
    else:
        print(f"no forecast: {forecast.reason}")

    for standing in client.budgets():
        until = standing.period_end_time.ToDatetime().isoformat(timespec="minutes")
        print(f"budget {standing.budget.name}: {standing.share:.0%} used, until {until} UTC")

    for task in itertools.islice(client.list(page_size=1), 1):
        trace = client.trace(task.id)
        print(f"trace {trace.trace_id}" if trace.readable else f"trace {trace.trace_id}: the gateway cannot read it")
        for span in trace.spans:
            lasted = span.end_time.ToDatetime() - span.start_time.ToDatetime()
            print(f"{'  ' * span.depth}{span.name} ({span.service}): {lasted.total_seconds():.3f} s")
