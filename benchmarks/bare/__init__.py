"""The yardsticks that are programs: the least that could do the same."""
