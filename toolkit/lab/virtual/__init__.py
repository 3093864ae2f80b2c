"""Virtual machines of the lab: Debian's own kernel, disks, firmware and, when asked, a TPM, under QEMU."""
