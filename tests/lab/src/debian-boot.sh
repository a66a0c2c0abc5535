#!/bin/bash
# Boots a root file system with systemd as its process 1: in the network of the node that runs this,
# in namespaces of its own for the rest, in a control group of its own. What belongs to the whole
# machine (settings of the kernel but for those of its network, devices, modules, audit) is out of reach.
# Arguments: the root, whose /sys is mounted; a name that is free. Ends when process 1 does.
set -e
root=$1 name=$2
groups=$root/sys/fs/cgroup
mount -t cgroup2 cgroup2 "$groups"
own=$groups$(sed -n 's/^0:://p' /proc/self/cgroup)/$name
mkdir "$own"
echo 0 >"$own/cgroup.procs"
exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child --propagation private -- \
    /bin/bash -ec '
    mount --bind "$1" "$1"
    cd "$1"
    mkdir -p .old
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount --bind proc/sys/net proc/sys/net
    mount -o remount,bind,ro proc/sys
    mount -t sysfs sys sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -o remount,bind,ro sys
    mount -t tmpfs -o mode=755 run run
    mount -t tmpfs -o mode=755 dev dev
    for device in null zero full random urandom tty; do
        : >dev/$device
        mount --bind /dev/$device dev/$device
    done
    ln -s /proc/self/fd dev/fd
    mkdir dev/shm dev/pts
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    pivot_root . .old
    umount -l /.old
    rmdir /.old
    hostname debian
    exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        setpriv --bounding-set -sys_module,-sys_time,-audit_control,-audit_read \
        /lib/systemd/systemd' boot "$root"
