#!/bin/sh
# Prints the revision that version answers carry; nothing but "unknown" where there is no git history.
set -u
if [ -n "${DSTACK_BUILD_GIT_REVISION:-}" ]; then
  echo "$DSTACK_BUILD_GIT_REVISION"
elif described=$(git -C "$1" describe --always --abbrev=20 --dirty=-modified 2>/dev/null); then
  echo "git:$described"
else
  echo unknown
fi
