// SPDX-License-Identifier: GPL-2.0-or-later
/* libconfig's text into typed values, by the key table. The only file that knows libconfig. */
#pragma once

#include "config/config.h"
#include "config/problems.h"

/* Fills @config, which is zeroed, with the values of @text and the presets of the keys it does not
 * name. What is wrong goes to @problems. */
void vh_loader_read(const char *text, VhConfig *config, VhProblems *problems);

void vh_config_command_free(VhConfigCommand *command);
