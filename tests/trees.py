# SPDX-License-Identifier: GPL-2.0-or-later
"""Another root for the verbs to look at."""
import os
import shutil
import tempfile
import unittest


class Tree(unittest.TestCase):
    """A sysfs of our making."""
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="vh-tree-")
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text=""):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def function(self, address, ids, klass, group=None, **attributes):
        directory = "sys/bus/pci/devices/" + address
        vendor, device = ids.split(":")
        for name, text in {"vendor": "0x" + vendor, "device": "0x" + device, "class": klass,
                           **attributes}.items():
            self.write(f"{directory}/{name}", text)
        if group is not None:
            os.makedirs(f"{self.root}/sys/kernel/iommu_groups/{group}", exist_ok=True)
            os.symlink(f"../../../../kernel/iommu_groups/{group}",
                       f"{self.root}/{directory}/iommu_group")
