# Part of preinst and postinst: what an upgrade that does not come up is undone with. The service goes on until the
# new version is in place and has found its config in order.
unit=/usr/lib/systemd/system/cellgate.service
program=/usr/lib/cellgate
old=/usr/lib/cellgate.old
failed=/usr/lib/cellgate.failed
schema=@SCHEMA@

say() { echo "cellgate: $*" >&2; }

systemd_runs() { [ -d /run/systemd/system ]; }

# The data folder that the config names.
data_folder() {
  named=$(sed -n "s/^data:[[:space:]]*//p" /etc/cellgate/config.yaml 2> /dev/null |
    sed -e 's/[[:space:]]#.*//' -e 's/[[:space:]]*$//' | tr -d "\"'" | head -n 1)
  case "$named" in
    /*) echo "$named" ;;
    *) echo /var/lib/cellgate ;;
  esac
}

# Which version of tables a database has: SQLite's user_version, four bytes at 60.
schema_of() {
  set -- $(od -An -tu1 -j60 -N4 "$1" 2> /dev/null)
  [ $# -eq 4 ] || set -- 0 0 0 0
  echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
}

# The files of a database in a folder, those that are there.
database_in() {
  for part in cellgate.db cellgate.db-wal cellgate.db-shm; do
    [ ! -e "$1/$part" ] || echo "$1/$part"
  done
}

start_service() {
  ! systemd_runs || deb-systemd-invoke restart cellgate.service
}

# Whether the new version would change the tables of the database in a folder.
changes_tables() {
  [ -f "$1/cellgate.db" ] && [ "$(schema_of "$1/cellgate.db")" -lt "$schema" ]
}

# Keeps the program that is installed: hard links cost nothing. The service runs on.
keep_program() {
  data=$(data_folder)
  rm -rf "$old" "$data/before-upgrade"
  if changes_tables "$data"; then
    need=$(du -ck $(database_in "$data") | tail -n 1 | cut -f 1)
    free=$(df -kP "$data" | awk 'NR == 2 { print $4 }')
    if [ "$need" -ge "$free" ]; then
      say "$data has no room for a copy of its database: $need KiB needed, $free KiB free."
      say 'Nothing was changed. Free some space, then upgrade again.'
      return 1
    fi
  fi
  cp -al "$program" "$old" && cp -a "$unit" "$old/.unit"
}

# Stops the service; where the new version would change the tables of the database, keeps that too.
keep_database() {
  data=$(data_folder)
  kept=$data/before-upgrade
  ! systemd_runs || systemctl stop cellgate.service || return 1
  changes_tables "$data" || return 0
  rm -rf "$kept.part"
  install -d -m 700 -o cellgate -g cellgate "$kept.part" || return 1
  if cp -a $(database_in "$data") "$kept.part/" && sync -f "$kept.part"; then
    mv "$kept.part" "$kept"
  else
    rm -rf "$kept.part"
    return 1
  fi
}

forget_before_upgrade() {
  rm -rf "$old" "$failed" "$(data_folder)/before-upgrade"
}

# Puts the program from before in place again. The service is neither stopped nor started.
put_program_back() {
  cp -a "$unit" "$program/.unit"
  rm -rf "$failed"
  mv "$program" "$failed"
  mv "$old" "$program"
  mv "$program/.unit" "$unit"
}

# Puts the version from before in place again, and its database where that was copied: the failed version came
# to its tables before it took a message from anybody.
put_back() {
  data=$(data_folder)
  kept=$data/before-upgrade
  aside=$data/failed-upgrade
  ! systemd_runs || systemctl stop cellgate.service || true
  put_program_back
  if [ -f "$kept/cellgate.db" ]; then
    rm -rf "$aside"
    install -d -m 700 -o cellgate -g cellgate "$aside"
    mv $(database_in "$data") "$aside/"
    mv $(database_in "$kept") "$data/"
    rm -rf "$kept"
    say "the database is the one from before; what the failed version made of it is in $aside"
  fi
  ! systemd_runs || systemctl daemon-reload
  start_service
}

# Puts the version that failed in place once more.
try_again() {
  rm -rf "$program"
  mv "$failed" "$program"
  mv "$program/.unit" "$unit"
}
