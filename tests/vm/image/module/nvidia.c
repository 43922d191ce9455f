// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for NVIDIA's driver, in what makes it hard to take a card from: nodes that sysfs does
 * not show, a count of those who use the card, and a remove() that waits for ever until nobody
 * does. It drives the emulated VGA of QEMU, when it is told to (no alias: nothing loads it by
 * itself).
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "nvidia-stand-in.h"

static unsigned int remove_delay_ms;
module_param(remove_delay_ms, uint, 0644);
MODULE_PARM_DESC(remove_delay_ms, "what remove() takes before it looks whether the card is in use");

static bool removing;
module_param(removing, bool, 0444);
MODULE_PARM_DESC(removing, "remove() is under way");

static atomic_t usage = ATOMIC_INIT(0);
static struct pci_dev *gpu;
static const struct nvidia_client *client;
static DEFINE_MUTEX(lock); /* gpu, client */
static struct proc_dir_entry *directory;

int nvidia_take(void)
{
    if (!READ_ONCE(gpu))
        return -ENODEV;
    atomic_inc(&usage);
    return 0;
}
EXPORT_SYMBOL_GPL(nvidia_take);

void nvidia_give(void)
{
    atomic_dec(&usage);
}
EXPORT_SYMBOL_GPL(nvidia_give);

int nvidia_set_client(const struct nvidia_client *new)
{
    int error = 0;

    mutex_lock(&lock);
    if (new &&gpu)
        error = new->attach(gpu);
    else if (client && gpu)
        client->detach();
    if (!error)
        client = new;
    mutex_unlock(&lock);
    return error;
}
EXPORT_SYMBOL_GPL(nvidia_set_client);

static int gpu_open(struct inode *inode, struct file *file)
{
    return nvidia_take();
}

static int gpu_release(struct inode *inode, struct file *file)
{
    nvidia_give();
    return 0;
}

static const struct file_operations gpu_operations = {
    .owner = THIS_MODULE,
    .open = gpu_open,
    .release = gpu_release,
};

static const struct file_operations ctl_operations = {
    .owner = THIS_MODULE,
};

static int information(struct seq_file *file, void *data)
{
    seq_puts(file, "Model: \t\t Stand-in\nDevice Minor: \t 0\n");
    return 0;
}

static void show_information(struct pci_dev *pdev)
{
    struct proc_dir_entry *own;

    directory = proc_mkdir("driver/nvidia", NULL);
    own = directory ? proc_mkdir("gpus", directory) : NULL;
    own = own ? proc_mkdir(pci_name(pdev), own) : NULL;
    if (own)
        proc_create_single("information", 0444, own, information);
}

static int nvidia_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
    int error = 0;

    mutex_lock(&lock);
    if (gpu)
        error = -EBUSY;
    else if (client)
        error = client->attach(pdev);
    if (!error) {
        WRITE_ONCE(gpu, pdev);
        show_information(pdev);
    }
    mutex_unlock(&lock);
    return error;
}

static void nvidia_remove(struct pci_dev *pdev)
{
    WRITE_ONCE(removing, true);
    msleep(remove_delay_ms);
    if (atomic_read(&usage))
        pci_err(pdev, "Attempting to remove device with non-zero usage count!\n");
    while (atomic_read(&usage))
        msleep(50);
    mutex_lock(&lock);
    if (client)
        client->detach();
    WRITE_ONCE(gpu, NULL);
    proc_remove(directory);
    mutex_unlock(&lock);
    WRITE_ONCE(removing, false);
}

static const struct pci_device_id ids[] = {{PCI_DEVICE(0x1234, 0x1111)}, {}};

static struct pci_driver driver = {
    .name = "nvidia",
    .id_table = ids,
    .probe = nvidia_probe,
    .remove = nvidia_remove,
};

static void forget_numbers(void)
{
    __unregister_chrdev(NVIDIA_MAJOR, 0, 1, "nvidia");
    __unregister_chrdev(NVIDIA_MAJOR, NVIDIA_MINOR_CTL, 1, "nvidiactl");
}

static int __init nvidia_init(void)
{
    int error = __register_chrdev(NVIDIA_MAJOR, 0, 1, "nvidia", &gpu_operations);

    if (error < 0)
        return error;
    error = __register_chrdev(NVIDIA_MAJOR, NVIDIA_MINOR_CTL, 1, "nvidiactl", &ctl_operations);
    if (error < 0) {
        __unregister_chrdev(NVIDIA_MAJOR, 0, 1, "nvidia");
        return error;
    }
    error = pci_register_driver(&driver);
    if (error)
        forget_numbers();
    return error;
}

static void __exit nvidia_exit(void)
{
    pci_unregister_driver(&driver);
    forget_numbers();
}

module_init(nvidia_init);
module_exit(nvidia_exit);
MODULE_DESCRIPTION("Stands in for NVIDIA's driver, for tests");
MODULE_LICENSE("GPL");
