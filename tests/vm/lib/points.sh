# In the emulated host: springs the trap ACT (trap.c) at points 1, 2, … LAST of one operation of the hook.
# After each, `virt-handoff recover` has to bring everything back. `points.sh OPERATION ACT SIGN LAST`.
operation=$1 act=$2 sign=$3 last=$4
hook=/etc/libvirt/hooks/qemu xml=/root/win10.xml
pci=/sys/bus/pci/devices

# With builtins alone, as an emulated processor starts programs slowly.
look() {
    for device in 0000:01:00.0/driver/0000:01:00.0 0000:01:00.1/driver/0000:01:00.1; do
        [ -e "$pci/$device" ] && echo "$device bound"
    done
    for path in /sys/bus/pci/drivers/bochs-drm/0000:01:00.0 /sys/bus/pci/drivers/snd_hda_intel/0000:01:00.1 \
        /sys/module/bochs /sys/module/drm_vram_helper /dev/dri/card0 /dev/snd/controlC0 /run/virt-handoff/*.journal; do
        [ -e "$path" ] && echo "$path"
    done
    for path in "$pci"/0000:01:00.[01]/driver_override /sys/class/vtconsole/*/bind; do
        read -r value <"$path" && echo "$path $value"
    done
    systemctl is-active stand-in.service
    systemctl list-units -q --plain --no-legend 'virt-handoff-awake@*'
}

# Its caller ends with it, and so looks like a libvirtd that was killed.
call() {
    # shellcheck disable=SC2086
    sh -c "$hook win10 $1 - <$xml; exit \$?"
}

# The kernel makes the nodes of a sound card some time after it has bound its driver.
check() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        now=$(look)
        [ "$now" = "$before" ] && return
        sleep 1
    done
    printf '%s: not as before\n--- before\n%s\n--- now\n%s\n' "$1" "$before" "$now"
    exit 1
}

before=$(look)
number=1
while [ "$number" -le "$last" ]; do
    if [ "$operation" = 'release end' ]; then
        call 'prepare begin' || exit
    fi
    rm -f /run/trap/told
    echo "$act $((sign * number))" >"/run/trap/${operation% *}"
    call "$operation" 2>/run/said
    status=$?
    [ -e /run/trap/told ] || break
    read -r _ where </run/trap/told
    [ "$status" = 137 ] || { echo "$operation exited $status at point $number"; exit 1; }
    virt-handoff recover >/run/said 2>&1 </dev/null || { echo "recover after $where:"; cat /run/said; exit 1; }
    check "$operation, $act $where"
    echo "point $number $where"
    number=$((number + 1))
done
if [ "$number" -le "$last" ]; then
    [ "$status" = 0 ] || { echo "$operation failed by itself: $(cat /run/said)"; exit 1; }
    rm -f "/run/trap/${operation% *}"
    call 'release end' || exit
    check "$operation without a fault"
fi
exit 0
