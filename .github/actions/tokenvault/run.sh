#!/usr/bin/env bash
# The step of the action. -I: Python imports nothing from the checkout, which a pull request may have written.
set -euo pipefail
exec python3 -I "$(dirname "${BASH_SOURCE[0]}")/main.py"
