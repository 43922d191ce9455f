// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/event.h"

static const struct {
    const char *name;
    const char *message_id;
} kinds[VH_N_EVENTS] = {
    [VH_EVENT_PREPARE_BEGIN] = {"prepare-begin", "69aab340514c476d876a0288870541e6"},
    [VH_EVENT_PREPARE_END] = {"prepare-end", "2da34de710074669af1ef5ff3e1cbec4"},
    [VH_EVENT_REFUSED] = {"refused", "26332de5589f4dd298bc10ae08253f2e"},
    [VH_EVENT_FAILED] = {"failed", "31cd390f21514967a4c7c520b6911aa8"},
    [VH_EVENT_RELEASE_BEGIN] = {"release-begin", "fcdbd7e1ecfa4edba1fa73f2b57dd1cc"},
    [VH_EVENT_RELEASE_END] = {"release-end", "32e5c15d86ac483aa26629705c6d2f29"},
    [VH_EVENT_STUCK] = {"stuck", "508c7329d8224494ac77a09d1daae771"},
    [VH_EVENT_STEP] = {"step", "de67e07a040d443cb0019c0c9ca5c9c5"},
    [VH_EVENT_NOTE] = {"note", "86f473ccd65b4ca98c66a023de0ca143"},
    [VH_EVENT_RECOVER] = {"recover", "c3709bb7771047259ed866505ed1b10c"},
};

const char *vh_event_message_id(VhEventKind kind)
{
    return kinds[kind].message_id;
}

const char *vh_event_name(VhEventKind kind)
{
    return kinds[kind].name;
}
