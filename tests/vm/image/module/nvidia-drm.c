// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands in for nvidia-drm: a DRM device of the card, without any picture. */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/version.h>

#include "nvidia-stand-in.h"

DEFINE_DRM_GEM_FOPS(operations);

static const struct drm_driver driver = {
    .name = "nvidia-drm",
    .desc = "Stand-in for NVIDIA's",
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
    .date = "0",
#endif
    .major = 1,
    .fops = &operations,
};

static struct drm_device *device;

static int drm_attach(struct pci_dev *gpu)
{
    struct drm_device *new = drm_dev_alloc(&driver, &gpu->dev);
    int error;

    if (IS_ERR(new))
        return PTR_ERR(new);
    error = drm_dev_register(new, 0);
    if (error)
        drm_dev_put(new);
    else
        device = new;
    return error;
}

static void drm_detach(void)
{
    drm_dev_unplug(device);
    drm_dev_put(device);
    device = NULL;
}

static const struct nvidia_client client = {
    .attach = drm_attach,
    .detach = drm_detach,
};

static int __init nvidia_drm_init(void)
{
    return nvidia_modeset_set_client(&client);
}

static void __exit nvidia_drm_exit(void)
{
    (void)nvidia_modeset_set_client(NULL);
}

module_init(nvidia_drm_init);
module_exit(nvidia_drm_exit);
MODULE_DESCRIPTION("Stands in for nvidia-drm, for tests");
MODULE_LICENSE("GPL");
