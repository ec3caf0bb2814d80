"""Asks two questions in one conversation: the second answer knows the first question."""

import ccsp

with ccsp.Client() as client:
    first = client.run("My name is Ada. Remember it.", conversation={}).result()
    second = client.run("What is my name?", conversation={"id": first.conversation_id}).result()
    print(second.text)
    # A fork continues from the same point and leaves the conversation itself unchanged.
    other = client.run("Forget my name.", conversation={"id": second.conversation_id, "fork": True}).result()
    print("the fork is a conversation of its own:", other.conversation_id != second.conversation_id)
