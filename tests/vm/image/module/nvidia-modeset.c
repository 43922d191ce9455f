// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands in for nvidia-modeset: between the driver and DRM, with a node of its own. */
#include <linux/fs.h>
#include <linux/module.h>

#include "nvidia-stand-in.h"

int nvidia_modeset_set_client(const struct nvidia_client *client)
{
    return nvidia_set_client(client);
}
EXPORT_SYMBOL_GPL(nvidia_modeset_set_client);

static int modeset_open(struct inode *inode, struct file *file)
{
    return nvidia_take();
}

static int modeset_release(struct inode *inode, struct file *file)
{
    nvidia_give();
    return 0;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE,
    .open = modeset_open,
    .release = modeset_release,
};

static int __init modeset_init(void)
{
    return __register_chrdev(NVIDIA_MAJOR, NVIDIA_MINOR_MODESET, 1, "nvidia-modeset", &operations);
}

static void __exit modeset_exit(void)
{
    __unregister_chrdev(NVIDIA_MAJOR, NVIDIA_MINOR_MODESET, 1, "nvidia-modeset");
}

module_init(modeset_init);
module_exit(modeset_exit);
MODULE_DESCRIPTION("Stands in for nvidia-modeset, for tests");
MODULE_LICENSE("GPL");
