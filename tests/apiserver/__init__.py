"""An API server double: real HTTP on loopback, objects in memory, faults on demand.

    with ApiServer.started(objects) as server:        # objects: any List or object, as dicts
        server.faults.add(Fault("throttle", verb="list", resource="pods"))
        client = connect(str(server.kubeconfig(tmp_path)))

What it does as the real one: get, list (label and field selectors, limit and continue with
remainingItemCount, a continue token that expires, resourceVersion=0 answered whole), watch
(resourceVersion, bookmarks, "too old resource version"), create, replace, merge patch and apply,
delete, deletecollection, Status objects for every refusal, bearer tokens, /version and discovery,
gzip, pod logs. What it does not: admission, defaults, finalizers, graceful deletion, field
managers.

To extend it, from a file of your own:

- `server.subresources[("pods", "exec")] = handler` serves a subresource on every method. A handler
  takes a `Request` and answers through it (`request.send_json`), or takes over its socket
  (`request.take_over()` gives the raw connection, for a WebSocket).
- `server.store.observers.append(function)` is called as `function(event, plural, object)` with
  "ADDED", "MODIFIED" or "DELETED" after each change, outside of any lock: a pod's life goes on from
  there by `server.store.update(plural, namespace, name, change)`.
- `server.resources` maps a plural to its `Kind`; add one for a custom resource. A list of a plural
  that is not there is answered with 404, as for a CRD that is not installed.
"""

from tests.apiserver.faults import Fault, Faults
from tests.apiserver.kinds import KINDS, Kind
from tests.apiserver.server import ApiServer, Request
from tests.apiserver.store import Store, Stored

__all__ = ["KINDS", "ApiServer", "Fault", "Faults", "Kind", "Request", "Store", "Stored"]
