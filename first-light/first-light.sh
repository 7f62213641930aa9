#!/bin/sh
# Runs first light with the kit's own Node, or with the one on the path. `first-light.sh --help` names the options.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
node=$here/bin/node
[ -x "$node" ] || node=$(command -v node) || { echo "first-light: there is no $here/bin/node and no node on the path" >&2; exit 2; }
main=$here/first-light/main.mjs
[ -f "$main" ] || main=$here/main.mjs
exec "$node" "$main" "$@"
