// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tests that try everything try it on. New ones come last: the fuzzer counts. */
#include "machine.h"

const char *const machine_samples[MACHINE_SAMPLES] = {
    "emulated", "nvidia-desktop",  "amd-desktop",          "laptop-hybrid",
    "apu",      "two-equal-cards", "nvidia-four-functions"};

/* One line each. A host that cannot do it is left out. */
const MachineConfig machine_configs[MACHINE_CONFIGS] = {
    {"empty file", ""},
    {"keeping", "modules = \"keep\"; consoles = \"keep\"; framebuffer = \"keep\";"},
    {"ending sessions", "sessions = \"terminate\"; sleep = \"allow\"; timeout = 60;"},
    {"logging out", "sessions = \"logout\"; timeout = 20;"},
    {"ending holders", "holders = \"terminate\"; timeout = 10;"},
    {"stopping user units", "stop_user = [ \"plasma-*\", \"pipewire*\" ];"},
    {"commands", "commands = ( { at = \"prepare\"; run = [ \"/usr/bin/true\" ]; "
                 "undo = [ \"/usr/bin/true\" ]; timeout = 5; } );"},
    {"processors", "governor = \"performance\"; host_cpus = \"0-1\"; irq_cpus = \"0-1\";"},
    {"hugepages", "hugepages = 300;"},
    {"rescanning", "reset = \"rescan\";"},
    {"hugepages of a node", "hugepages = { count = 100; node = 0; };"},
};
