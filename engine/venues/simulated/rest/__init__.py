"""The REST protocol: one module an area, each a table of routes; `frame.py` is what they share."""
