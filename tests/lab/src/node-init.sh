#!/bin/bash
# First process of a node, in namespaces of its own: prepares them, says "ready", and stays until its
# standard input ends, which is when the test that made it ends, however that happens.
# As process 1 of a PID namespace it also reaps what daemons leave, and takes all of them with it.
# Arguments: host name, and for a machine that runs a daemon the node's directory, holding run/ etc/
# scripts/ and an empty root/. Such a machine sees the files of the real one, but has /run,
# /etc/keepalived, /scripts, /dev, /proc and /sys of its own: configurations need no change of paths.
set -e
# Few commands on purpose: each is slow under User-Mode Linux.
private_root() {
    dir=$1 root=$1/root
    mount -t tmpfs -o mode=755 root "$root"
    cd "$root"
    bind() { echo "$1 $root/$2 none rbind 0 0"; }
    folders=(dev/shm dev/pts etc/keepalived proc run scripts sys .etc .old)
    for entry in /*; do
        case $entry in /boot | /dev | /etc | /lost+found | /media | /mnt | /proc | /run | /scripts | /srv | /sys) continue ;; esac
        if [ -L "$entry" ]; then
            links+=("$entry")
        elif [ -d "$entry" ]; then
            folders+=(".$entry")
            bind "$entry" "${entry#/}"
        fi
    done >"$dir/mounts"
    mkdir -p "${folders[@]}"
    if [ "${#links[@]}" != 0 ]; then cp -P "${links[@]}" .; fi
    for entry in /etc/*; do
        [ "$entry" = /etc/keepalived ] || settings+=("/.${entry#/}")
    done
    ln -s "${settings[@]}" etc/
    for device in null zero full random urandom tty; do
        : >dev/$device
        bind /dev/$device dev/$device
    done >>"$dir/mounts"
    {
        bind /etc .etc
        bind "$dir/etc" etc/keepalived
        bind "$dir/run" run
        bind "$dir/scripts" scripts
        echo "proc $root/proc proc defaults 0 0"
        echo "sys $root/sys sysfs defaults 0 0"
    } >>"$dir/mounts"
    mount -a -T "$dir/mounts"
    ln -s /proc/self/fd dev/fd
    ln -s /run/log dev/log
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
