#!/bin/sh
# Called by mmdebstrap before anything is installed: setup.sh ROOT
# Only the modules these machines can need go into the initramfs, and those of an encrypted root always: `update-initramfs`
# takes seconds under emulation instead of minutes. Set before the kernel is installed, so that it is made once.
set -eu
root=$1
mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
echo MODULES=list > "$root/etc/initramfs-tools/conf.d/nomade-lab"
for module in virtio_pci virtio_blk ext4 dm_mod dm_crypt aesni_intel xts sha256_generic algif_skcipher algif_hash; do
  echo "$module"
done > "$root/usr/share/initramfs-tools/modules.d/nomade-lab"
