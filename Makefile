PYTHON = .venv/bin/python

# Style, types, layers and the tests of the README.
check:
	./check

# The whole tool on a real cluster, built and run on this machine (Debian, root, Go), or on the
# cluster that KUBECONFIG names.
e2e:
	$(PYTHON) -m tests.e2e run

# Such a cluster to work with: make e2e-up MODE=nftables, and its end.
MODE = iptables
e2e-up:
	$(PYTHON) -m tests.e2e build
	$(PYTHON) -m tests.e2e up $(MODE)

e2e-down:
	$(PYTHON) -m tests.e2e down

.PHONY: check e2e e2e-up e2e-down
