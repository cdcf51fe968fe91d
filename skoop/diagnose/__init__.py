"""The walk over all namespaces, and what to make of it.

world         the namespaces of a cluster and the wires between them
neighbours    who has an address, asked across namespaces
flight        one packet until it is delivered, stopped, or out of sight
question, packets, story, conversation
              a connection: what is asked, sent, and what comes of it
causes/, service/, meddling, repairs, trials, blame
              from what stopped it to what caused it
"""
