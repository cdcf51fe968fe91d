"""The walk over all namespaces, and what to make of it.

world         the namespaces of a cluster and the wires between them
neighbours    who has an address, asked across namespaces
flight        one packet until it is delivered, stopped, or out of sight
conversation  a connection: there, back, and the data after it
blame         from what stopped it to what caused it
"""
