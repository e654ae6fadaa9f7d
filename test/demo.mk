# The main job on real data, from nothing to a plot, with Debian's Python packages. KEEP=1 leaves the server running.
demo: server-tree
	scripts/bootstrap.sh demo
	BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) KEEP=$(KEEP) "$$(BUILD=$(BUILD) scripts/venv.sh --system numpy matplotlib)" test/demo/demo.py
.PHONY: demo
