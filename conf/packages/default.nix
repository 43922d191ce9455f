# SPDX-License-Identifier: GPL-2.0-or-later
# On NixOS: virtualisation.libvirtd.hooks.qemu.virt-handoff = "${pkgs.callPackage ./. {}}/hooks/qemu";
# libvirt's hooks, and so the per-VM files, are below /var/lib/libvirt/hooks there.
{ lib, stdenv, meson, ninja, pkg-config, scdoc, glib, json-glib, kmod, libconfig, libvirt, libxml2, pciutils, systemd }:

stdenv.mkDerivation {
  pname = "virt-handoff";
  version = "0.1.0";
  src = lib.cleanSource ../..;

  nativeBuildInputs = [ meson ninja pkg-config scdoc ];
  buildInputs = [ glib json-glib kmod libconfig libvirt libxml2 pciutils systemd ];
  mesonFlags = [ "-Dtests=false" "-Dhooksdir=/var/lib/libvirt/hooks" ];

  # What belongs below /var is handed out from the store.
  installPhase = ''
    DESTDIR=$TMPDIR/tree meson install --no-rebuild
    mkdir -p $out/hooks
    cp -r $TMPDIR/tree$out/. $out/
    cp $TMPDIR/tree/var/lib/libvirt/hooks/qemu $out/hooks/
  '';

  meta = {
    description = "Hand a host's only GPU to a virtual machine and take it back";
    license = lib.licenses.gpl2Plus;
    platforms = lib.platforms.linux;
    mainProgram = "virt-handoff";
  };
}
