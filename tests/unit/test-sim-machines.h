// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines that more than one of the simulation's tests have, with ' for ". */
#pragma once

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define NIC "0000:02:00.0"
#define RTC "0000:03:00.0"

/* One of each kind: a display with a chain of modules, a sound function whose unbind waits, a
 * network function that two drivers match, vfio, and a foreign process with the sound open. */
#define SMALL_MACHINE                                                                              \
    "{'version': 1, 'users': [{'uid': 0, 'name': 'root'}, {'uid': 7, 'name': 'ida'}],"             \
    "'functions': ["                                                                               \
    "{'address': '" GPU "', 'class': '0x030000', 'vendor': '0x1111', 'device': '0x2222',"          \
    " 'driver': 'gpu', 'group': 3, 'boot_vga': true, 'nodes': ["                                   \
    "  {'path': '/dev/dri/card0', 'subsystem': 'drm', 'number': '226:0', 'blocks': true},"         \
    "  {'path': '/dev/extra', 'subsystem': 'misc', 'number': '10:5', 'blocks': true,"              \
    "   'module': 'gpu_extra'}]},"                                                                 \
    "{'address': '" SOUND "', 'class': '0x040300', 'vendor': '0x1111', 'device': '0x3333',"        \
    " 'driver': 'snd', 'group': 3, 'seat': 'seat1', 'nodes': ["                                    \
    "  {'path': '/dev/snd/controlC0', 'subsystem': 'sound', 'number': '116:2', 'blocks': true},"   \
    "  {'path': '/dev/snd/timer', 'subsystem': 'sound', 'number': '116:33'}]},"                    \
    "{'address': '" NIC "', 'class': '0x020000', 'vendor': '0x8086', 'device': '0x0001',"          \
    " 'driver': 'net', 'uses': [{'kind': 'route', 'name': 'eth0', 'where': '10.0.0.1'}]},"         \
    "{'address': '0000:00:01.0', 'class': '0x060400', 'vendor': '0x8086', 'device': '0x0002',"     \
    " 'group': 1, 'bridge': true}],"                                                               \
    "'drivers': ["                                                                                 \
    "{'name': 'net', 'ids': ['8086:0001']}, {'name': 'net2', 'classes': ['02']},"                  \
    "{'name': 'broken', 'ids': ['1111:3333'], 'bind_fails': true},"                                \
    "{'name': 'gpu', 'module': 'gpu', 'ids': ['1111:2222'], 'framebuffer': true,"                  \
    " 'console_holds': true, 'takes_framebuffer': true, 'nodes_ms': 50, 'bind_ms': 10},"           \
    "{'name': 'snd', 'module': 'snd', 'classes': ['0403'], 'unbind_hangs': true},"                 \
    "{'name': 'vfio-pci', 'module': 'vfio_pci', 'vfio': true}],"                                   \
    "'modules': [{'name': 'helper', 'state': 'live'},"                                             \
    "{'name': 'gpu', 'state': 'live', 'depends': ['helper']},"                                     \
    "{'name': 'gpu_extra', 'state': 'live', 'depends': ['gpu']},"                                  \
    "{'name': 'snd', 'state': 'live', 'references': 0},"                                           \
    "{'name': 'vfio', 'state': 'available'}, {'name': 'iommu_type', 'state': 'available'},"        \
    "{'name': 'vfio_pci', 'state': 'available', 'depends': ['vfio'],"                              \
    " 'softdeps': ['iommu_type', 'refuses'], 'load_ms': 30},"                                      \
    "{'name': 'refuses', 'state': 'available', 'load_fails': true},"                               \
    "{'name': 'needs_refuses', 'state': 'available', 'depends': ['refuses']},"                     \
    "{'name': 'hangs', 'state': 'live', 'unload_hangs': true},"                                    \
    "{'name': 'odd', 'state': 'live', 'references': 2},"                                           \
    "{'name': 'core', 'state': 'builtin'}],"                                                       \
    "'consoles': [{'number': 0, 'name': '(S) dummy device'},"                                      \
    "{'number': 1, 'name': '(M) frame buffer device', 'bound': true}],"                            \
    "'processes': [{'pid': 50, 'command': 'recorder', 'uid': 7, 'nodes': "                         \
    "['/dev/snd/controlC0']}]}"

/* A display manager with a session, whose user's manager lives on; an ssh session; a service that
 * restarts itself. */
#define DESKTOP_MACHINE                                                                            \
    "{'version': 1, 'parent': 60,"                                                                 \
    "'users': [{'uid': 0, 'name': 'root'}, {'uid': 7, 'name': 'ida'}, {'uid': 8, 'name': 'bo',"    \
    " 'linger': true}],"                                                                           \
    "'functions': [{'address': '" GPU "', 'class': '0x030000', 'vendor': '0x1111',"                \
    " 'device': '0x2222', 'driver': 'gpu', 'nodes': ["                                             \
    " {'path': '/dev/dri/card0', 'subsystem': 'drm', 'number': '226:0', 'blocks': true}]},"        \
    "{'address': '" RTC "', 'class': '0x080300', 'vendor': '0x1111', 'device': '0x4444',"          \
    " 'driver': 'rtc', 'nodes': ["                                                                 \
    " {'path': '/dev/rtc0', 'subsystem': 'rtc', 'number': '250:0'}]}],"                            \
    "'drivers': [{'name': 'gpu', 'ids': ['1111:2222'], 'nodes_ms': 200}, {'name': 'rtc'}],"        \
    "'units': ["                                                                                   \
    "{'id': 'dm.service', 'aliases': ['display-manager.service'], 'active': 'active',"             \
    " 'stop_ms': 300, 'start_ms': 400, 'needs': ['/dev/dri/card0']},"                              \
    "{'id': 'user@7.service', 'active': 'active', 'stop_ms': 100, 'start_ms': 50},"                \
    "{'id': 'user@8.service', 'active': 'active'},"                                                \
    "{'id': 'restless.service', 'active': 'active', 'restart_ms': 100},"                           \
    "{'id': 'simple.service', 'active': 'active'},"                                                \
    "{'id': 'stubborn.service', 'active': 'active', 'stop_ms': 50, 'stop_result': 'failed'},"      \
    "{'id': 'broken.service', 'start_result': 'failed'},"                                          \
    "{'id': 'masked.service', 'load': 'masked'}, {'id': 'gone.service', 'load': 'not-found'}],"    \
    "'sessions': ["                                                                                \
    "{'id': '3', 'uid': 7, 'seat': 'seat0', 'type': 'wayland', 'class': 'user', 'desktop': 'KDE'," \
    " 'unit': 'dm.service', 'process': 'kwin', 'close_ms': 80},"                                   \
    "{'id': '5', 'uid': 8, 'type': 'tty', 'class': 'user'}],"                                      \
    "'processes': ["                                                                               \
    "{'pid': 10, 'start_time': 99, 'command': 'dm', 'uid': 0, 'unit': 'dm.service',"               \
    " 'nodes': ['/dev/dri/card0']},"                                                               \
    "{'pid': 20, 'command': 'kwin', 'uid': 7, 'session': '3', 'nodes': ['/dev/dri/card0']},"       \
    "{'pid': 21, 'command': 'tmux', 'uid': 7, 'session': '3', 'stays': true},"                     \
    "{'pid': 30, 'command': 'plasma', 'uid': 7, 'unit': 'user@7.service',"                         \
    " 'user_unit': 'plasma.service', 'nodes': ['/dev/dri/card0']},"                                \
    "{'pid': 29, 'command': 'systemd', 'uid': 7, 'unit': 'user@7.service', 'user_unit': "          \
    "'init.scope'},"                                                                               \
    "{'pid': 40, 'command': 'rest', 'uid': 0, 'unit': 'restless.service',"                         \
    " 'nodes': ['/dev/rtc0']},"                                                                    \
    "{'pid': 41, 'command': 'simple', 'uid': 0, 'unit': 'simple.service'},"                        \
    "{'pid': 50, 'command': 'bash', 'uid': 8, 'session': '5'},"                                    \
    "{'pid': 51, 'command': 'mpd', 'uid': 8, 'unit': 'user@8.service', 'user_unit': "              \
    "'mpd.service',"                                                                               \
    " 'watches': true, 'nodes': ['/dev/dri/card0']},"                                              \
    "{'pid': 60, 'start_time': 5, 'command': 'libvirtd', 'uid': 0}],"                              \
    "'roms': [{'path': '/good.rom'}, {'path': '/empty.rom', 'problem': 'empty'},"                  \
    " {'path': '/secret.rom', 'problem': 'unreadable'}, {'path': '/dir', 'problem': 'no file'}],"  \
    "'programs': [{'path': '/bin/good', 'ms': 100, 'output': 'hello'},"                            \
    " {'path': '/bin/bad', 'status': 3, 'error': 'no luck'}, {'path': '/bin/slow', 'ms': 60000},"  \
    " {'path': '/h/qemu.d/win10/prepare/begin/20-b'}, {'path': "                                   \
    "'/h/qemu.d/win10/prepare/begin/10'},"                                                         \
    " {'path': '/h/qemu.d/win10/prepare/begin/sub/x'}, {'path': '/h/qemu.d/win10/release/end'},"   \
    " {'path': '/h/qemu.d/win11/prepare/begin', 'unsafe': true}]}"
