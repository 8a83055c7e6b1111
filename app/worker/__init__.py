"""The clock's loops: each a bounded `run_once`, stepped by tests and looped by `serve`."""
