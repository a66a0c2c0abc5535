#!/bin/bash
# First process of a node, in namespaces of its own: prepares them, says "ready", and stays until its
# standard input ends, which is when the test that made it ends, however that happens.
# As process 1 of a PID namespace it also reaps what daemons leave, and takes all of them with it.
# Arguments: host name, and for a machine that runs a daemon the node's directory, holding run/ etc/
# scripts/ and an empty root/. Such a machine sees the files of the real one, but has /run,
# /etc/keepalived, /scripts, /dev, /proc and /sys of its own: configurations need no change of paths.
set -e
private_root() {
    dir=$1 root=$1/root
    mount -t tmpfs -o mode=755 root "$root"
    cd "$root"
    for entry in /*; do
        case $entry in /boot | /dev | /etc | /lost+found | /media | /mnt | /proc | /run | /scripts | /srv | /sys) continue ;; esac
        if [ -L "$entry" ]; then
            cp -P "$entry" ".$entry"
        elif [ -d "$entry" ]; then
            mkdir ".$entry"
            mount --rbind "$entry" ".$entry"
        fi
    done
    mkdir dev proc run scripts sys etc .etc .old
    mount --rbind /etc .etc
    for entry in $(ls -A /etc); do
        [ "$entry" = keepalived ] || links+=("/.etc/$entry")
    done
    ln -s "${links[@]}" etc/
    mkdir etc/keepalived
    mount --bind "$dir/etc" etc/keepalived
    mount --bind "$dir/run" run
    mount --bind "$dir/scripts" scripts
    mount -t tmpfs -o mode=755 dev dev
    for device in null zero full random urandom tty; do
        : >dev/$device
        mount --bind /dev/$device dev/$device
    done
    ln -s /proc/self/fd dev/fd
    ln -s /run/log dev/log
    mkdir dev/shm dev/pts
    mount -t proc proc proc
    mount -t sysfs sys sys
    pivot_root . .old
    umount -l /.old
    rmdir /.old
    rm -rf /run/mount # made by umount
}
hostname "$1"
if [ -n "${2:-}" ]; then private_root "$2"; else mount -t proc proc /proc; fi
ip link set lo up
echo ready
while read -r _; do :; done
