"""The step of the action: carries out its inputs, and tells why it ends when it does not."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `-I` leaves it out; what stands here is the action's own

import fleet
import run


def main() -> int:
    """Runs the step; its exit code."""
    try:
        inputs, this = run.read_inputs(os.environ), run.read_run(os.environ)
        steps = fleet if inputs.fleet else run
        (steps.apply if inputs.command == "apply" else steps.plan)(this, inputs)
    except run.Refused as refusal:
        run.annotate("error", str(refusal))
        return 1
    except run.GitHubError as error:
        run.annotate("error", f"A request to GitHub failed: {error}")
        return 1
    except subprocess.TimeoutExpired:
        run.annotate("error", "GitHub did not answer within five minutes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
