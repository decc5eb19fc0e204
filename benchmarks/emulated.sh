#!/usr/bin/env bash
# `python -m benchmarks scale` inside an emulated machine: for where the limit of open files may not be raised.
#
#     benchmarks/emulated.sh FIGURES.json [OPTIONS]      OPTIONS as of `python -m benchmarks scale --help`
#
# QEMU emulates a PC (no KVM, no network device) that runs Debian's kernel and, read-only over 9p, this machine's own
# files; its root is a real root, with every right. Its clock counts instructions, a nanosecond each, so that neither
# the emulator's pace nor whoever else uses this machine is measured, nor any cache. Debian on x86-64; the checkout,
# with its .venv, not below /tmp. 50,000 relays take some eight minutes, 40 are the limit, and at most 4 GiB of memory.
set -euo pipefail

MEMORY=4G
LIMIT=40m
MODULES=(virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev netfs fscache 9pnet 9pnet_virtio 9p)

if [ $# = 0 ]; then
    echo "usage: benchmarks/emulated.sh FIGURES.json [OPTIONS]" >&2
    exit 2
fi
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo "QEMU is needed:  sudo apt-get install --no-install-recommends qemu-system-x86" >&2
    exit 1
fi
figures=$(realpath -- "$1")
shift
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if [ ! -x .venv/bin/python ]; then
    echo "The checkout has no .venv yet:  make .venv/.run" >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
mkdir "$folder"/{debian,tree,out}

# The kernel and a static busybox: fetched and unpacked, not installed.
kernel=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" { print $2; exit }')
(cd "$folder/debian" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$kernel" busybox-static)
for package in "$folder"/debian/*.deb; do
    dpkg-deb --extract "$package" "$folder/debian"
done
# Python would compile them in each process of the machine: it cannot write there.
.venv/bin/python -m compileall -q benchmarks demo pumpproxy

# What the machine runs in the end; its output is the serial console's, and so ours.
{
    echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM=dumb"
    printf 'cd %q\n' "$PWD"
    printf '%q ' exec .venv/bin/python -m benchmarks scale --json /mnt/figures.json "$@"
} >"$folder/out/run"

# What it starts with: the modules for 9p, the mounts, and a chroot into what is mounted.
modules=lib/modules/${kernel#linux-image-}
mkdir -p "$folder"/tree/{bin,proc,root,"$modules"}
mv "$folder"/debian/bin/busybox "$folder/tree/bin"
for module in "${MODULES[@]}"; do
    find "$folder/debian/$modules" -name "$module.ko" -exec cp {} "$folder/tree/$modules" \;
done
cat >"$folder/tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
depmod
modprobe -a virtio_pci 9pnet_virtio 9p
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro,cache=loose root /root
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /root/mnt
mount -t devtmpfs dev /root/dev
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
for folder in tmp run var/tmp; do mount -t tmpfs tmpfs /root/$folder; done
chroot /root /bin/bash /mnt/run
poweroff -f
INIT
chmod +x "$folder/tree/init"
(cd "$folder/tree" && find . | ./bin/busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$folder/initrd"

# mitigations=off: the emulated CPU has none of the faults, and would count the instructions against them.
timeout "$LIMIT" nice qemu-system-x86_64 \
    -icount shift=0 -cpu max -smp 1 -m "$MEMORY" -nic none -display none -vga none -serial stdio -monitor none \
    -kernel "$folder"/debian/boot/vmlinuz-* -initrd "$folder/initrd" -no-reboot \
    -append "console=ttyS0 quiet panic=-1 mitigations=off" \
    -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=root,mount_tag=root \
    -fsdev local,id=out,path="$folder/out",security_model=none \
    -device virtio-9p-pci,fsdev=out,mount_tag=out </dev/null
if [ ! -s "$folder/out/figures.json" ]; then
    echo "the machine has ended without figures" >&2
    exit 1
fi
cp -- "$folder/out/figures.json" "$figures"
