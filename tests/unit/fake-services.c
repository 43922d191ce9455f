// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs that answer as those of OpenRC, sysvinit and runit do. */
#include "fake-services.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

/*
 * rc-service(8) of OpenRC 0.45: a service is a file in /services, with "started" or "stopped" in
 * it; "stuck" says so on a stop, "slow" takes long for all, "leaving" is on its way down until one
 * looks, "brief" crashes when it has started, and "loud" says a lot while it stops.
 */
#define RC_SERVICE                                                                                 \
    "#!/bin/sh\n"                                                                                  \
    "echo \"$*\" >> ROOT/calls\n"                                                                  \
    "if [ \"$1\" = --exists ]; then [ -e \"ROOT/services/$2\" ]; exit; fi\n"                       \
    "file=ROOT/services/$1 state=$(cat \"ROOT/services/$1\" 2>/dev/null)\n"                        \
    "[ \"$state\" ] || { echo \" * rc-service: service \\`$1' does not exist\" >&2; exit 1; }\n"   \
    "case $2 in\n"                                                                                 \
    "status) echo \" * status: $state\"\n"                                                         \
    "  case $state in started|stuck) exit 0;; stopping) exit 4;; starting) exit 8;;\n"             \
    "  crashed) exit 32;; slow) sleep 300;; leaving) echo stopped > \"$file\"; exit 4;;\n"         \
    "  loud) exit 0;; *) exit 3;; esac;;\n"                                                        \
    "stop) [ \"$state\" != stuck ] || { echo \" * ERROR: $1 failed to stop\" >&2; exit 1; }\n"     \
    "  [ \"$state\" != slow ] || sleep 300\n"                                                      \
    "  if [ \"$state\" = loud ]; then echo begun > ROOT/loud; sleep 0.5; echo a; echo b; fi\n"     \
    "  echo \" * Stopping $1 ... [ ok ]\"; echo stopped > \"$file\";;\n"                           \
    "start) [ \"$state\" != slow ] || sleep 300\n"                                                 \
    "  case $state in stuck|leaving) exit 1;; brief) echo crashed > \"$file\"; exit;; esac\n"      \
    "  out=$(readlink /proc/$$/fd/1); echo \"$out\" > ROOT/stdout; echo started > \"$file\";;\n"   \
    "esac\n"

/* service(8) of Debian 12: "ending" ends after a look, "idle" does nothing and says that all is
 * well. */
#define SERVICE                                                                                    \
    "#!/bin/sh\n"                                                                                  \
    "echo \"$*\" >> ROOT/calls\n"                                                                  \
    "file=ROOT/services/$1 state=$(cat \"ROOT/services/$1\")\n"                                    \
    "case $2:$state in\n"                                                                          \
    "*:idle) [ $2 != status ] || exit 3;;\n"                                                       \
    "status:ending) echo stopped > \"$file\";;\n"                                                  \
    "status:crashed) exit 1;;\n"                                                                   \
    "status:stopped) exit 3;;\n"                                                                   \
    "start:crashed) exit 1;;\n"                                                                    \
    "start:*) echo started > \"$file\";;\n"                                                        \
    "stop:*) echo ending > \"$file\";;\n"                                                          \
    "esac\n"

/* sv(8) of runit 2.1: the last answer is a line of the service's own file. */
#define SV                                                                                         \
    "#!/bin/sh\n"                                                                                  \
    "echo \"$*\" >> ROOT/calls\n"                                                                  \
    "state=$(cat \"$2/state\")\n"                                                                  \
    "case $1:$state in\n"                                                                          \
    "*:fail) echo \"fail: $2: unable to change to service directory: file does not exist\"\n"      \
    "  exit 1;;\n"                                                                                 \
    "status:run) echo \"run: $2: (pid 812) 5s; run: log: (pid 811) 5s, want down\";;\n"            \
    "status:stuck) echo \"run: $2: (pid 812) 5s, want down, got TERM\";;\n"                        \
    "status:finish) echo \"finish: $2: (pid 812) 1s, want down\"; echo down > \"$2/state\";;\n"    \
    "status:down) echo \"down: $2: 1s, normally up\";;\n"                                          \
    "status:flash) echo \"run: $2: (pid 812) 0s\"; echo down > \"$2/state\";;\n"                   \
    "up:brief) echo flash > \"$2/state\";;\n"                                                      \
    "status:waits) echo \"down: $2: 1s, want up\"; echo run > \"$2/state\";;\n"                    \
    "down:stuck) ;;\n"                                                                             \
    "down:*) echo finish > \"$2/state\";;\n"                                                       \
    "up:*) echo waits > \"$2/state\";;\n"                                                          \
    "esac\n"

static void add_tool(HostTree *tree, const char *path, const char *script)
{
    g_auto(GStrv) parts = g_strsplit(script, "ROOT", -1);
    g_autofree char *text = g_strjoinv(tree->root, parts);
    g_autofree char *full = host_tree_path(tree, "%s", path);

    host_tree_write(tree, text, "%s", path);
    g_assert_cmpint(chmod(full, 0755), ==, 0);
}

HostTree *fake_bare_tree(void)
{
    HostTree *tree = host_tree_new();
    g_autofree char *booted = host_tree_path(tree, "/run/systemd/system");

    g_assert_cmpint(g_rmdir(booted), ==, 0);
    return tree;
}

HostTree *fake_openrc_tree(void)
{
    HostTree *tree = fake_bare_tree();

    host_tree_dir(tree, "/run/openrc");
    host_tree_write(tree, "default\n", "/run/openrc/softlevel");
    add_tool(tree, "/sbin/rc-service", RC_SERVICE);
    return tree;
}

/* With runit there as well, which many install beside it. */
HostTree *fake_sysvinit_tree(void)
{
    HostTree *tree = fake_bare_tree();

    host_tree_write(tree, "", "/run/initctl");
    host_tree_write(tree, "", "/etc/init.d/sddm");
    host_tree_dir(tree, "/etc/service");
    add_tool(tree, "/usr/sbin/service", SERVICE);
    add_tool(tree, "/usr/bin/sv", SV);
    return tree;
}

HostTree *fake_runit_tree(void)
{
    HostTree *tree = fake_bare_tree();

    host_tree_dir(tree, "/var/service");
    add_tool(tree, "/usr/bin/sv", SV);
    return tree;
}
