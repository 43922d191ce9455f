// SPDX-License-Identifier: GPL-2.0-or-later
/* The same of processor, firmware and kernel. */
#include "check-cases.h"

#define OFF "\"iommu\":false"
#define TABLE(name) FILE_AT("/sys/firmware/acpi/tables/" name, "x")
#define INTEL(line)                                                                                \
    FILE_AT("/proc/cpuinfo", "vendor_id : GenuineIntel") "," FILE_AT("/proc/cmdline", line)

static void test_kernel(void)
{
#define IOMEM(inner)                                                                               \
    FILE_AT("/proc/iomem", "d0000000-fec00000 : PCI Bus 0000:00\\n  e0000000-efffffff : "          \
                           "PCI Bus 0000:09\\n    e0000000-e7ffffff : 0000:09:00.0\\n" inner)
    CASES(
        {"virtualization", "", NULL, NULL, "unknown what the processor can do cannot be told"},
        {"virtualization", FILE_AT("/proc/cpuinfo", "flags\\t\\t: fpu svm sse"), NULL, NULL,
         "ok AMD-V is on"},
        {"virtualization", FILE_AT("/proc/cpuinfo", "flags : fpu vmx"), NULL, NULL,
         "ok VT-x is on"},
        {"virtualization", FILE_AT("/proc/cpuinfo", "flags : fpu svm_lock"), NULL, NULL,
         "failure the processor has neither AMD-V nor VT-x, or the firmware has it off"},
        {"iommu", "", CARD, NULL, "ok on"},
        {"iommu", FILE_AT("/proc/cpuinfo", "vendor_id : GenuineIntel"), OFF, NULL,
         "failure off: the kernel was not asked for it"},
        {"iommu", INTEL("intel_iommu=on,sm_on"), OFF, NULL, "failure off"},
        {"iommu", INTEL("quiet") "," TABLE("DMAR"), OFF, NULL,
         "failure off: the kernel was not asked for it"},
        {"iommu", INTEL("intel-iommu=sm_on,on") "," TABLE("DMAR"), OFF, NULL,
         "failure off, although the firmware offers it"},
        {"iommu", INTEL("intel_iommu=on") "," TABLE("FACP"), OFF, NULL,
         "failure off: the firmware does not offer it"},
        {"iommu", INTEL("quiet") "," TABLE("IVRS"), OFF, NULL,
         "failure off: the firmware does not offer it"},
        {"iommu", INTEL("iommu=pt,off intel_iommu=on") "," TABLE("DMAR"), OFF, NULL,
         "failure off: the kernel was told so"},
        {"iommu", FILE_AT("/proc/cmdline", "intel_iommu=off") "," TABLE("IVRS"), OFF, NULL,
         "failure off, although the firmware offers it"},
        {"iommu", INTEL("quiet") "," TABLE("DMAR"), CARD, NULL, "ok on"},
        {"iommu", "", OFF, NULL, "failure off"},
        {"secure-boot", "", NULL, NULL, "unknown whether it is on cannot be told"},
        {"secure-boot", FILE_AT("/sys/firmware/acpi/x", "y"), NULL, NULL, "ok not started by UEFI"},
        {"secure-boot",
         "{\"path\":\"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c\","
         "\"hex\":\"0600000001\"}",
         NULL, NULL, "warning on"},
        {"secure-boot",
         "{\"path\":\"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c\","
         "\"hex\":\"0600000000\"}",
         NULL, NULL, "ok off"},
        {"lockdown", FILE_AT("/sys/kernel/security/lockdown", "[none] integrity"), NULL, NULL,
         "ok none"},
        {"lockdown", FILE_AT("/sys/kernel/security/lockdown", "none [integrity]"), NULL, NULL,
         "warning the kernel is locked down: none [integrity]"},
        {"lockdown", FILE_AT("/sys/kernel/security/lsm", "x"), NULL, NULL,
         "ok this kernel has none"},
        {"framebuffer", IOMEM("      e0000000-e02fffff : BOOTFB"), NULL, NULL,
         "warning BOOTFB keeps memory of 0000:09:00.0, and no driver is there to be unbound"},
        {"framebuffer", IOMEM("    e8000000-e8ffffff : 0000:09:00.1"), NULL, NULL,
         "ok none on a card"},
        {"framebuffer", IOMEM("      e0000000-e02fffff : BOOTFB"),
         CARD ",\"framebuffers\":[{\"device\":\"simple-framebuffer.0\",\"driver\":"
              "\"simple-framebuffer\",\"drivers\":[\"simple-framebuffer\"],\"address\":"
              "\"0000:09:00.0\"}]",
         NULL, "ok simple-framebuffer.0 draws on 0000:09:00.0, which prepare takes away"},
        {"framebuffer", "", NULL, NULL, "unknown whether BOOTFB is on a card cannot be told"},
        {"vfio", "", NULL, NULL, "failure the running kernel has no vfio-pci"},
        {"vfio", "", "\"modules\":[{\"name\":\"vfio_pci\",\"state\":\"available\"}]", NULL,
         "ok can be loaded"},
        {"vfio", "", "\"modules\":[{\"name\":\"vfio_pci\",\"state\":\"builtin\"}]", NULL,
         "ok built in"});
}

static void test_parameters(void)
{
    CASES({"parameters",
           FILE_AT("/proc/cmdline", "ro quiet intel_iommu=on rd.driver.pre=vfio-pci "
                                    "rd.driver.export=1 iommu=pt vfio-pci.ids=10de:2489"),
           NULL, NULL, "ok no slip in them"},
          {"parameters",
           FILE_AT("/proc/cmdline", "modprobe.blacklist=nouveau iommu.forcedac=1 amd.iommu=1 "
                                    "module_blacklist=x intel_pstate=passive iomem=relaxed"),
           NULL, NULL, "ok no slip in them"},
          {"parameters", FILE_AT("/proc/cmdline", "vfio-pci.id=10de:1 modprob.blacklist=x"), NULL,
           NULL,
           "warning the kernel knows no parameter vfio-pci.id (in vfio-pci.id=10de:1)\n"
           "warning the kernel knows no parameter modprob.blacklist (in modprob.blacklist=x)"},
          {"parameters", FILE_AT("/proc/cmdline", "quiet rd.driver.pre=vfio-pc iommu=pt"), NULL,
           NULL, "warning rd.driver.pre names no module: vfio-pc"},
          {"parameters", FILE_AT("/proc/cmdline", "intel_iommu=off"), CARD, NULL,
           "ok no slip in them"},
          {"parameters", FILE_AT("/proc/cmdline", "intel_iomu=on amd-iommu=x,off"), OFF, NULL,
           "warning the kernel knows no parameter intel_iomu (in intel_iomu=on)\n"
           "failure amd-iommu=x,off switches the IOMMU off"},
          {"parameters", FILE_AT("/proc/cmdline", "pcie_acs_override=downstream"), NULL, NULL,
           "warning pcie_acs_override splits groups that the hardware does not separate: a guest "
           "can reach what else is in them"},
          {"parameters", "", NULL, NULL, "unknown the kernel's command line cannot be told"});
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/check/kernel", test_kernel);
    g_test_add_func("/check/parameters", test_parameters);
    return g_test_run();
}
