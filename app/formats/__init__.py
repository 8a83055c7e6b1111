"""Other people's documents: read into rows that a report can carry, and written from answers.

The rule here: pure, bytes in and values out; nothing is fetched, kept or decided. A row that cannot be read is a
value with its number and the reason, never an exception and never silence: read = accepted + refused.
"""
