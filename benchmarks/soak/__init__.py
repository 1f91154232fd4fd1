"""What takes hours: storms of many rounds. `python -m benchmarks.soak NAME --rounds N --seed S`."""
