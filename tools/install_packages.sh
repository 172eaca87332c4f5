#!/bin/sh
# Installs the Debian packages of a list that are missing; when it may not, it
# says which command would. A name may carry a foreign architecture (name:arm64).
set -eu
missing=
foreign=
for name in $(sed -e 's/#.*//' "$1"); do
  dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed' && continue
  missing="$missing $name"
  case $name in *:*) foreign=${name#*:} ;; esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "Debian packages are missing. Install them, then run make again:" >&2
  [ -z "$foreign" ] || echo "  sudo dpkg --add-architecture $foreign; sudo apt-get update" >&2
  echo "  sudo apt-get install -y$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
[ -z "$foreign" ] || dpkg --add-architecture "$foreign"
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
