#!/usr/bin/env bash
# Installs tokenvault into the runner's own folder. -I: Python imports nothing from the checkout.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
version=${VERSION:-}
case $version in
  -* | *$'\n'* | *$'\r'*) echo "::error title=tokenvault::\`version\` must be one name for pip, not an option" && exit 1 ;;
esac
cd "$RUNNER_TEMP"
python3 -I -m venv tokenvault
pip=(tokenvault/bin/python -I -m pip --disable-pip-version-check install --quiet)
if [ -n "$version" ]; then
  "${pip[@]}" -- "$version"
else
  "${pip[@]}" --require-hashes -r "$here/.ci/lock-runtime.txt"
  "${pip[@]}" --no-deps --no-build-isolation -- "$here"
fi
