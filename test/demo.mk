# The main job on real data, from nothing to a plot, with Debian's Python packages. KEEP=1 leaves the server running.
demo: server-tree
	scripts/bootstrap.sh demo
	BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) KEEP=$(KEEP) "$$(BUILD=$(BUILD) scripts/venv.sh --system numpy matplotlib)" test/demo/demo.py
# Four shards by postgres_fdw on one machine.
demo-shards: server-tree
	scripts/bootstrap.sh demo
	BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) "$$(BUILD=$(BUILD) scripts/venv.sh --system numpy matplotlib)" test/demo/demo_shards.py
.PHONY: demo demo-shards
