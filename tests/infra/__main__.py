"""python -m tests.infra [CASES [SEED]]: compare many random decisions with brute force."""

from __future__ import annotations

import sys

from tests.infra.compare import differences

cases = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
found = differences(seed, cases)
for line in found[:20]:
    print(line)
print(f"{cases} route tables, {cases} ACLs, {cases} sets of groups: {len(found)} differences")
sys.exit(bool(found))
