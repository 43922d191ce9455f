// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config.h"

#include "config/file.h"
#include "config/keys.h"
#include "config/loader.h"

void vh_config_command_free(VhConfigCommand *command)
{
    g_free(command->at);
    g_strfreev(command->run);
    g_strfreev(command->undo);
    g_free(command);
}

void vh_config_free(VhConfig *config)
{
    if (!config)
        return;
    g_free(config->path);
    g_strfreev(config->device_list);
    g_free(config->driver);
    g_strfreev(config->stop_list);
    g_strfreev(config->stop_user);
    g_strfreev(config->module_list);
    g_free(config->governor);
    g_free(config->host_cpus);
    g_free(config->irq_cpus);
    g_free(config->reset);
    g_strfreev(config->rebar);
    if (config->commands)
        g_ptr_array_unref(config->commands);
    g_free(config);
}

VhConfig *vh_config_parse(const char *text, const char *path, GError **error)
{
    g_autoptr(VhProblems) problems = vh_problems_new(path);
    g_autoptr(VhConfig) config = g_new0(VhConfig, 1);

    config->path = g_strdup(path);
    config->hugepage_node = -1; /* also when it is only a number of pages */
    vh_loader_read(text, config, problems);
    if (!vh_problems_finish(problems, error))
        return NULL;
    return g_steal_pointer(&config);
}

VhConfig *vh_config_load_below(const char *trusted, const char *path, GError **error)
{
    g_autofree char *text = vh_config_read_file(trusted, path, error);

    return text ? vh_config_parse(text, path, error) : NULL;
}

VhConfig *vh_config_load(const char *path, GError **error)
{
    return vh_config_load_below("/", path, error);
}
