"""A hundred agents at work while their containers and their service are killed: `python -m tests.faults.soak`."""
