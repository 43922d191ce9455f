// SPDX-License-Identifier: GPL-2.0-or-later
/* Users and sessions, as logind has them. */
#include "sim/act.h"

SimUser *sim_user_find(const SimMachine *machine, gint64 uid)
{
    for (guint i = 0; i < machine->users->len; i++) {
        SimUser *user = machine->users->pdata[i];
        if (user->uid == uid)
            return user;
    }
    return NULL;
}

SimUnit *sim_user_manager(const SimMachine *machine, gint64 uid)
{
    g_autofree char *id = g_strdup_printf("user@%" G_GINT64_FORMAT ".service", uid);

    return sim_unit_find(machine, id);
}

SimSession *sim_session_find(const SimMachine *machine, const char *id)
{
    for (guint i = 0; i < machine->sessions->len; i++) {
        SimSession *session = machine->sessions->pdata[i];
        if (session->open && g_str_equal(session->id, id))
            return session;
    }
    return NULL;
}

static gboolean has_session(const SimMachine *machine, gint64 uid)
{
    for (guint i = 0; i < machine->sessions->len; i++) {
        const SimSession *session = machine->sessions->pdata[i];
        if (session->open && session->uid == uid)
            return TRUE;
    }
    return FALSE;
}

void sim_user_stops(SimMachine *machine, gpointer record)
{
    SimUser *user = record;
    SimUnit *manager = sim_user_manager(machine, user->uid);

    user->stop_at = 0;
    if (manager)
        sim_unit_begin_stop(machine, manager);
}

#define FRONT "/sys/class/tty/tty0/active"

/* What vt.c's switches leave in the file, when the snapshot has it. */
static void front_put(SimMachine *machine, gint64 vt)
{
    for (guint i = 0; i < machine->files->len; i++) {
        SimFile *file = machine->files->pdata[i];
        g_autofree char *text = g_strdup_printf("tty%d", (int)vt);
        if (g_str_equal(file->path, FRONT))
            sim_set_text(&file->text, text);
    }
}

gboolean sim_do_front(SimMachine *machine, SimAct *act, GError **error)
{
    if (!machine->bus)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "there is no logind");
    front_put(machine, act->number);
    return TRUE;
}

static gboolean is_of(const SimProcess *process, const SimSession *session)
{
    return g_strcmp0(process->session, session->id) == 0;
}

/* In its user's manager, which ends it with graphical-session.target. */
static gboolean is_beside(const SimProcess *process, const SimSession *session)
{
    return process->of_desktop && session->seat && process->uid == session->uid;
}

static gboolean has_process(const SimMachine *machine, const SimSession *session)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        if (process->runs && is_of(process, session))
            return TRUE;
    }
    return FALSE;
}

static gboolean closing(const SimSession *session)
{
    return g_strcmp0(session->state, "closing") == 0;
}

/* logind-user.c: the manager of a user without session and linger stops after UserStopDelaySec. */
static void closed(SimMachine *machine, SimSession *session)
{
    SimUser *user = sim_user_find(machine, session->uid);

    session->open = FALSE;
    session->terminated = FALSE;
    session->close_at = 0;
    g_clear_pointer(&session->state, g_free);
    /* A display server that ends goes back to the terminal that it began on. */
    if (session->vt != 0)
        front_put(machine, 1);
    if (user && !user->linger && !has_session(machine, user->uid))
        user->stop_at = machine->clock + user->stop_delay_ms * 1000;
}

void sim_session_closes(SimMachine *machine, gpointer record)
{
    SimSession *session = record;

    session->close_at = 0;
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (process->runs &&
            (is_beside(process, session) ||
             (is_of(process, session) && (session->terminated || !process->stays))))
            sim_process_stop(machine, process);
    }
    if (!has_process(machine, session))
        closed(machine, session);
}

void sim_session_end(SimMachine *machine, SimSession *session, gboolean terminate)
{
    if (!session->open || (closing(session) && !terminate))
        return;
    sim_set_text(&session->state, "closing");
    session->terminated = session->terminated || terminate;
    if (session->close_ms > 0)
        session->close_at = machine->clock + session->close_ms * 1000;
    else
        sim_session_closes(machine, session);
}

/* It has another id now, and so have the processes that start in it. */
static void renumber(SimMachine *machine, SimSession *session)
{
    g_autofree char *old = session->id;

    session->id =
        g_strdup_printf("%s%" G_GINT64_FORMAT, old[0] == 'c' ? "c" : "", machine->next_session++);
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (g_strcmp0(process->session, old) == 0)
            sim_set_text(&process->session, session->id);
    }
}

static void start_manager(SimMachine *machine, gint64 uid)
{
    SimUser *user = sim_user_find(machine, uid);
    SimUnit *manager = sim_user_manager(machine, uid);

    if (user)
        user->stop_at = 0;
    if (manager)
        sim_unit_begin_start(machine, manager);
}

void sim_session_open(SimMachine *machine, SimSession *session)
{
    if (session->open && !closing(session))
        return;
    /* One that still closes, for a process that stays, is taken up again. */
    if (!session->open)
        renumber(machine, session);
    if (session->vt != 0 && !session->behind)
        front_put(machine, session->vt);
    session->open = TRUE;
    session->terminated = FALSE;
    session->close_at = 0;
    g_clear_pointer(&session->state, g_free);
    start_manager(machine, session->uid);
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (is_of(process, session) || is_beside(process, session))
            sim_process_start(machine, process);
    }
}

/* It and its processes will never come back. */
static void forget(SimMachine *machine, guint index)
{
    const SimSession *session = machine->sessions->pdata[index];

    for (guint i = machine->processes->len; i-- > 0;)
        if (is_of(machine->processes->pdata[i], session))
            g_ptr_array_remove_index(machine->processes, i);
    g_ptr_array_remove_index(machine->sessions, index);
}

void sim_sessions_follow(SimMachine *machine)
{
    for (guint i = machine->sessions->len; i-- > 0;) {
        SimSession *session = machine->sessions->pdata[i];
        if (session->open && closing(session) && session->close_at == 0 &&
            !has_process(machine, session))
            closed(machine, session);
        if (!session->open && !session->unit)
            forget(machine, i);
    }
}
