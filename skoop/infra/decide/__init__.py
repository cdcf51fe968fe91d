"""How a cloud's network decides, over the resource tree. Pure: no I/O, no state.

A decision is yes, no, or open: open when something that matters was not read, or depends on a port
that is drawn at random.
"""
