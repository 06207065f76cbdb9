"""`python -m ecgedge`."""

from ecgedge.cli.main import main

main()
