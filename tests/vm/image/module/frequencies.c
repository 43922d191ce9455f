// SPDX-License-Identifier: GPL-2.0-or-later
/* Frequencies for CPUs whose machine has none: a policy for each, and the kernel's own governors
 * over them. No CPU gets any faster. */
#include <linux/cpufreq.h>
#include <linux/module.h>
#include <linux/percpu.h>

static struct cpufreq_frequency_table table[] = {
    {.frequency = 800000},
    {.frequency = 3200000},
    {.frequency = CPUFREQ_TABLE_END},
};

static DEFINE_PER_CPU(unsigned int, kilohertz) = 800000;

static int frequencies_begin(struct cpufreq_policy *policy)
{
    policy->freq_table = table;
    policy->cpuinfo.transition_latency = 10 * NSEC_PER_USEC;
    return 0;
}

static int frequencies_set(struct cpufreq_policy *policy, unsigned int index)
{
    per_cpu(kilohertz, policy->cpu) = table[index].frequency;
    return 0;
}

static unsigned int frequencies_get(unsigned int cpu)
{
    return per_cpu(kilohertz, cpu);
}

static struct cpufreq_driver driver = {
    .name = "frequencies",
    .init = frequencies_begin,
    .verify = cpufreq_generic_frequency_table_verify,
    .target_index = frequencies_set,
    .get = frequencies_get,
};

static int __init frequencies_init(void)
{
    return cpufreq_register_driver(&driver);
}

static void __exit frequencies_exit(void)
{
    cpufreq_unregister_driver(&driver);
}

module_init(frequencies_init);
module_exit(frequencies_exit);
MODULE_DESCRIPTION("CPU frequencies where there are none, for tests");
MODULE_LICENSE("GPL");
