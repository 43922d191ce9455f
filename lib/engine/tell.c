// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/engine.h"

#include "base/text.h"

void vh_tell(const VhTeller *teller, VhEventKind kind, int priority, const char *step,
             const char *device, gint64 duration, const GError *error, const char *format, ...)
{
    g_autofree char *raw = NULL;
    va_list args;

    if (!teller->engine->sink)
        return;
    va_start(args, format);
    raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = vh_text_one_line(raw);
    const VhEvent event = {
        .kind = kind,
        .priority = priority,
        .guest = teller->guest,
        .uuid = teller->uuid,
        .transaction = teller->transaction,
        .operation = teller->operation,
        .step = step,
        .device = device,
        .error = error ? error->message : NULL,
        .duration = duration,
        .text = text,
    };
    teller->engine->sink(&event, teller->engine->sink_data);
}
