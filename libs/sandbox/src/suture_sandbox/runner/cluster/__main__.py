import sys

from suture_sandbox.runner.cluster.main import main

sys.exit(main(sys.argv[1]))
