// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands in for nvidia-uvm: the node that programs which compute have open. Its exit can hang. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "nvidia-stand-in.h"

#define MAJOR_NUMBER 510 /* the real one takes what is free */

static bool exit_hangs;
module_param(exit_hangs, bool, 0644);
MODULE_PARM_DESC(exit_hangs, "unloading does not come back for as long as this is set");

static int uvm_open(struct inode *inode, struct file *file)
{
    return nvidia_take();
}

static int uvm_release(struct inode *inode, struct file *file)
{
    nvidia_give();
    return 0;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE,
    .open = uvm_open,
    .release = uvm_release,
};

static int __init uvm_init(void)
{
    return __register_chrdev(MAJOR_NUMBER, 0, 1, "nvidia-uvm", &operations);
}

static void __exit uvm_exit(void)
{
    while (READ_ONCE(exit_hangs))
        msleep(50);
    __unregister_chrdev(MAJOR_NUMBER, 0, 1, "nvidia-uvm");
}

module_init(uvm_init);
module_exit(uvm_exit);
MODULE_DESCRIPTION("Stands in for nvidia-uvm, for tests");
MODULE_LICENSE("GPL");
