#!/bin/sh
# Installs this checkout as a service: sudo scripts/install.sh [--help]
set -eu

case "${1:-}" in
  '') ;;
  *)
    echo 'sudo scripts/install.sh

Builds this checkout, copies it to /opt/cellgate and makes it the service "cellgate".
/etc/cellgate/config.yaml and the data in /var/lib/cellgate stay as they are.
Needs Node.js 20.19 or later, npm, a C++ compiler and make; systemd.'
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

say() { echo "cellgate: $*"; }
fail() {
  echo "cellgate: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail 'needs root: sudo scripts/install.sh'
for program in node npm systemctl systemd-sysusers make g++; do
  command -v "$program" > /dev/null || fail "$program is missing: install it first"
done
node=$(command -v node)
"$node" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
  || fail "Node.js $("$node" --version) is too old, 20.19 is needed"

from=$(cd "$(dirname "$0")/.." && pwd)
to=/opt/cellgate
new=$to.new
rm -rf "$new"
mkdir -p "$new"
say "copying and building in $new (some minutes on a Pi)"
(cd "$from" && tar -cf - --exclude=./node_modules --exclude=./dist --exclude=./.git --exclude=./data .) | tar -xf - -C "$new"
(cd "$new" && npm ci --no-audit --no-fund && node -e 'import("./scripts/set-up.mjs").then((s) => s.checkModules())' && npm run build && npm prune --omit=dev --no-audit --no-fund)

systemd-sysusers "$from/systemd/cellgate.sysusers"
mkdir -p /etc/cellgate
if [ ! -e /etc/cellgate/config.yaml ]; then
  install -m 640 -o root -g cellgate "$from/config/cellgate.yaml" /etc/cellgate/config.yaml
  say 'wrote /etc/cellgate/config.yaml: name your sensors there'
fi
"$node" "$new/dist/program/cli.js" check --data --config /etc/cellgate/config.yaml \
  || fail "the config or its data are not in order, nothing was changed: correct what is said above and run this again"

install -D -m 644 "$from/systemd/cellgate.sysusers" /etc/sysusers.d/cellgate.conf
install -D -m 644 "$from/systemd/70-cellgate.rules" /etc/udev/rules.d/70-cellgate.rules
sed "s#/usr/bin/node#$node#" "$from/systemd/cellgate.service" > /etc/systemd/system/cellgate.service
printf '#!/bin/sh\nexec %s %s/dist/program/cli.js "$@"\n' "$node" "$to" > /usr/local/bin/cellgate
chmod 755 /usr/local/bin/cellgate

rm -rf "$to.old"
[ ! -e "$to" ] || mv "$to" "$to.old"
mv "$new" "$to"
udevadm control --reload && udevadm trigger --action=add --subsystem-match=gpio --subsystem-match=i2c-dev || true
systemctl daemon-reload
systemctl enable cellgate
if systemctl restart cellgate; then
  rm -rf "$to.old"
  say 'runs: cellgate status, journalctl -u cellgate'
else
  [ ! -e "$to.old" ] || { rm -rf "$to" && mv "$to.old" "$to" && systemctl restart cellgate; }
  fail 'did not come up, the version from before runs again: journalctl -u cellgate says why'
fi
