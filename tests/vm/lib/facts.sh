# What the emulated host is like at this moment, one fact a line: `KIND NAME VALUE…`. Read by host.py.
# Each program that it begins takes an emulated CPU a tenth of a second, and read asks for each byte.
for device in 0000:01:00.0 0000:01:00.1 0000:02:00.0; do
    read -r override <"/sys/bus/pci/devices/$device/driver_override"
    [ "$override" = "(null)" ] && override=
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
for module in bochs drm_vram_helper snd_hda_intel xhci_pci vfio_pci; do
    [ -e "/sys/module/$module/refcnt" ] && read -r count <"/sys/module/$module/refcnt" && echo "module $module $count"
done
find /sys/bus/pci/devices/0000:0[12]:00.[01]/driver /proc/[0-9]*/fd -type l \( -name driver -o -lname '/dev/dri/*' \
    -o -lname '/dev/snd/control*' -o -lname '/dev/fb*' -o -lname '/dev/vfio/[0-9]*' -o -lname '/dev/nvidia*' \) \
    -printf '%l %p\n' 2>/dev/null |
    while read -r target path; do
        case $path in
        /sys/*)
            path=${path%/driver}
            echo "driver ${path##*/} ${target##*/}"
            ;;
        *)
            pid=${path#/proc/}
            pid=${pid%%/*}
            read -r comm <"/proc/$pid/comm" && echo "holder $target $comm $pid"
            ;;
        esac
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
    read -r number <"$pid"
    echo "qemu ${name%.pid} $number"
done
exit 0
