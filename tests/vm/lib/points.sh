# In the emulated host: springs the trap ACT (trap.c) at each POINT of one operation of the hook, in turn, until
# there is none any more, or behind the step of kind UNTIL (-: none). After each, `virt-handoff recover` has to bring
# everything back. `points.sh OPERATION ACT UNTIL POINT…`; a point of match may be undone:KIND, the line of that step
# in release. Says for each what the journal of its prepare had in it, whether the desktop was up, and where it sprang;
# at the end what one that nothing happened to has in it.
operation=$1 act=$2 until=$3
shift 3
hook=/etc/libvirt/hooks/qemu xml=/root/win10.xml
pci=/sys/bus/pci/devices

# Whether a process of that name has such a node open.
has() {
    for pid in $(pidof "$1"); do
        [ -z "$(find "/proc/$pid/fd" -lname "$2" 2>/dev/null)" ] || echo "$1 has $2"
    done
}

desktop() {
    for file in /run/systemd/sessions/*[!f]; do
        [ -e "$file" ] || continue
        # shellcheck disable=SC1090
        (SEAT=- && . "$file" && echo "session $USER $SEAT $CLASS $TYPE $STATE")
    done | sort
    has Xorg '/dev/dri/card*'
    has wireplumber '/dev/snd/control*'
    cat /sys/class/tty/tty0/active
}

# Mostly with builtins, as an emulated processor starts programs slowly.
look() {
    systemctl is-active lightdm.service stand-in.service
    systemctl list-units -q --plain --no-legend 'virt-handoff-awake@*'
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
    desktop
}

# Its caller ends with it, and so looks like a libvirtd that was killed.
call() {
    # shellcheck disable=SC2086
    sh -c "$hook win10 $1 - <$xml; exit \$?"
}

# The desktop comes up after its display manager was started, and a sound card gets its nodes some
# time after its driver.
check() {
    begun=$(date +%s)
    while :; do
        now=$(look)
        [ "$now" != "$before" ] || return
        [ $(($(date +%s) - begun)) -lt 150 ] || break
        sleep 1
    done
    printf '%s: not as before\n--- before\n%s\n--- now\n%s\n' "$1" "$before" "$now"
    exit 1
}

# Of the first step of that kind in the journal.
number_of() { # KIND
    sed -n 's/.*"begin":\([0-9]*\),.*"kind":"'"$1"'".*/\1/p' /run/trap/journal | head -n 1
}

spring() { # POINT
    rm -f /run/trap/told
    echo "$act $1" >"/run/trap/${operation% *}"
    call "$operation" 2>/run/said
    status=$?
    [ -e /run/trap/told ] || return
    read -r _ where </run/trap/told
    [ "$status" = 137 ] || { echo "$operation exited $status at point $1"; exit 1; }
}

# In which a number stands for a step.
keep_journal() {
    cp /run/virt-handoff/*.journal /run/trap/journal 2>/dev/null
}

show_journal() {
    sed 's/^/journal /' /run/trap/journal
}

before=$(look) desk=$(desktop) last='' sprang=true
for point in "$@"; do
    # It stays once it is loaded, but it is to be loaded each time.
    modprobe -rq vfio_pci
    if [ "$operation" = 'release end' ]; then
        call 'prepare begin' || exit
        keep_journal
    fi
    case $point in undone:*) point="\"undone\":$(number_of "${point#*:}")}" ;; esac
    spring "$point" || { sprang=false; break; }
    [ "$operation" = 'release end' ] || keep_journal
    [ "$(desktop)" = "$desk" ] && was=up || was=down
    virt-handoff recover >/run/said 2>&1 </dev/null || { echo "recover after $where:"; cat /run/said; exit 1; }
    check "$operation, $act $where"
    show_journal
    echo "point $point $was $where"
    case $last in *"\"kind\":\"$until\""*) break ;; esac
    last=$where
done
if ! $sprang; then
    [ "$status" = 0 ] || { echo "$operation failed by itself: $(cat /run/said)"; exit 1; }
    rm -f "/run/trap/${operation% *}"
    [ "$operation" = 'release end' ] || keep_journal
    call 'release end' || exit
    check "$operation without a fault"
    show_journal
fi
exit 0
