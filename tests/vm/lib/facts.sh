# What the emulated host is like at this moment, one fact a line: `KIND NAME VALUE…`. Read by host.py.
for device in 0000:01:00.0 0000:01:00.1 0000:02:00.0; do
    path=/sys/bus/pci/devices/$device
    driver=$(readlink "$path/driver") && driver=${driver##*/}
    read -r override <"$path/driver_override"
    [ "$override" = "(null)" ] && override=
    echo "driver $device ${driver:--}"
    echo "override $device ${override:--}"
done
for console in /sys/class/vtconsole/*; do
    read -r name <"$console/name"
    read -r bound <"$console/bind"
    echo "vtcon ${console##*/} $bound $name"
done
for node in /dev/dri/card* /dev/dri/render* /dev/snd/controlC* /dev/fb*; do
    if [ -e "$node" ]; then
        echo "node $node"
    fi
done
for fb in /sys/bus/platform/drivers/*-framebuffer/*-framebuffer.*; do
    [ -e "$fb" ] && echo "framebuffer ${fb##*/}"
done
while read -r module size count rest; do
    case $module in
    bochs | drm_vram_helper | snd_hda_intel | xhci_pci | vfio_pci) echo "module $module $count" ;;
    esac
done </proc/modules
find /proc/[0-9]*/fd -type l \( -lname '/dev/dri/*' -o -lname '/dev/snd/control*' -o -lname '/dev/fb*' \
    -o -lname '/dev/vfio/[0-9]*' -o -lname '/dev/nvidia*' \) -printf '%l %p\n' 2>/dev/null | sed 's,/proc/,,;s,/fd/.*,,' | sort -u |
    while read -r node pid; do
        read -r comm <"/proc/$pid/comm" && echo "holder $node $comm $pid"
    done 2>/dev/null
echo "unit lightdm.service $(systemctl is-active lightdm.service)"
for file in /run/systemd/sessions/*[!f]; do
    [ -e "$file" ] || continue
    (SEAT=- && . "$file" && echo "session $USER $SEAT $CLASS $TYPE $STATE")
done
for file in /run/virt-handoff/*.journal; do
    [ -e "$file" ] && echo "journal ${file##*/}"
done
for pid in /run/libvirt/qemu/*.pid; do
    [ -e "$pid" ] && [ "$pid" != /run/libvirt/qemu/driver.pid ] || continue
    name=${pid##*/}
    echo "qemu ${name%.pid} $(cat "$pid")"
done
exit 0
