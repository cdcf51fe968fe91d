"""A packet through one namespace, as events.

    receive.receive   a frame comes in by a device
    output.send       this namespace sends a packet of its own
    device.transmit   a routed packet leaves by a device whose next hop is resolved

Each returns every way it can go, as events: the packet needs a neighbour (`Resolve`), crosses to
another namespace or leaves (`Cross`), reaches the sockets (`Local`), or is stopped (`Stopped`).
Whoever drives the walk answers them; nothing here knows a second namespace.
"""
