"""The gene search study (arXiv 2507.16978): the parts of make_gene.py and run_gene.py. README.md has the task and the results."""
