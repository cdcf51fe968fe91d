"""From the API's answers to the resource tree: one function per kind of resource, pure."""
