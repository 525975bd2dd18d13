"""Verifiers: a response and its task in, a Grade out, in milliseconds and with no model.

    from filters.verifiers.verify import verify

    grade = verify(response, Task("counting", "How many birds?", "7"))

`verify` reads the form, a domain of `filters.verifiers.domains` the answer, `settle` folds in what a judge says of an
answer that rules cannot tell.
"""
