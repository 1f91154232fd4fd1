"""An exchange that speaks Kalshi's REST and WebSocket protocol on loopback, with a seeded population of traders.

Where to look: `exchange.py` holds the state and the market's agenda, `trading.py` and `amending.py` what an account
may do to it, `matching.py` one book, `account.py` and `reserve.py` the money. `ladders.py` says which markets exist,
`latent.py` what they are worth, `population.py` who trades them, `lifecycle.py` how they end. `rest/` and `stream.py`
are the wire, `replay.py` serves recordings instead of a population, `faults.py` is what goes wrong on demand.
"""
