// SPDX-License-Identifier: GPL-2.0-or-later
// Holds a file open from inside the kernel, as swap, an export or a broken driver does: the module
// behind the node is in use, and no process is to blame.
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>

static char *path = "/dev/dri/card0";
module_param(path, charp, 0444);

static struct file *pinned;

static int __init pin_init(void)
{
    pinned = filp_open(path, O_RDWR | O_NONBLOCK, 0);
    return PTR_ERR_OR_ZERO(pinned);
}

static void __exit pin_exit(void)
{
    filp_close(pinned, NULL);
}

module_init(pin_init);
module_exit(pin_exit);
MODULE_DESCRIPTION("Keeps a device node open without a process");
MODULE_LICENSE("GPL");
