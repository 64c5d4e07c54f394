#!/bin/sh
# Has a real Filebeat (of the path in $1) read files with each of its identities, and keeps the registries that it writes.
# Filebeat 7.17.29 was built for that: go build github.com/elastic/beats/v7/filebeat, at v7.17.29.
set -eu
filebeat=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
mkdir "$work/logs"
cat > "$work/filebeat.yml" <<YML
filebeat.inputs:
- {type: log, paths: ['$work/logs/log.log'], scan_frequency: 1s}
- {type: container, paths: ['$work/logs/container.log'], stream: stdout, scan_frequency: 1s}
- {type: filestream, id: 'shop::native', paths: ['$work/logs/native.log'], prospector.scanner.check_interval: 1s}
- type: filestream
  paths: ['$work/logs/fingerprint.log']
  prospector.scanner: {check_interval: 1s, fingerprint.enabled: true}
  file_identity.fingerprint: ~
- type: filestream
  id: names
  paths: ['$work/logs/path.log']
  prospector.scanner.check_interval: 1s
  file_identity.path: ~
output.file: {path: '$work/out', filename: events}
path.home: $work
logging.to_stderr: true
YML
chmod 600 "$work/filebeat.yml"

write() { # the lines $1 to $2 of each file
    for name in log native fingerprint path; do
        seq -f "$name line %03.0f, and some words so that it is longer" "$1" "$2" >> "$work/logs/$name.log"
    done
    seq -f "2026-11-28T10:00:00.000000000Z stdout F container line %03.0f" "$1" "$2" >> "$work/logs/container.log"
}

read_all() { # until so many events are there
    "$filebeat" -c "$work/filebeat.yml" 2> "$work/filebeat.log" &
    pid=$!
    for _ in $(seq 60); do
        [ "$(cat "$work"/out/* 2> /dev/null | wc -l)" -ge "$1" ] && break
        sleep 1
    done
    sleep 3
    kill "$2" $pid
    wait $pid || true
}

keep() {
    rm -rf "${here:?}/$1" && mkdir "$here/$1"
    cp "$work"/data/registry/filebeat/* "$here/$1/"
    sed -i "s#$work/logs#/LOGS#g; s#$work#/DATA#g" "$here/$1"/*
    (cd "$work/logs" && stat -c '%n %i %d' *) > "$here/$1/files.txt"
}

write 1 50
read_all 250 -TERM
keep log
# As a crash of the machine leaves it: Filebeat then writes a checkpoint.
truncate -s -30 "$work/data/registry/filebeat/log.json"
keep torn
write 51 60
read_all 300 -KILL
keep checkpoint
rm -rf "$work"
