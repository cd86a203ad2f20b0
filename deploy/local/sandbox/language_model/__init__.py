"""The stand-in for a language model: extractive search over the text it is sent, honest about being no more than that.

It knows three tasks, told apart by a line of the instructions, never by the text under analysis: ``task: analyse-call``,
``task: merge-themes`` and ``task: synthesise``. The same input gives the same answer. Nothing in a transcript is ever
followed as an instruction, because nothing here follows instructions: sentences are scored, chosen and copied.
"""
