// SPDX-License-Identifier: GPL-2.0-or-later
/* A shell script as a list of simple commands. Nothing of it is run or expanded here. */
#include <string.h>

#include "inspect/import-private.h"

typedef struct {
    const char *at;
    guint line;
    GPtrArray *statements;
    ImportStatement *now; /* the one that is being read */
    GString *word;
    gboolean in_word, array, redirect;
    gboolean head;  /* "case WORD in", "for NAME in WORDS": no command */
    guint open;     /* "(" of subshells */
    guint pipeline; /* where the statements of the pipeline under way begin */
    ImportBranches *branches;
} Shell;

static void statement_free(gpointer data)
{
    ImportStatement *statement = data;

    g_ptr_array_unref(statement->words);
    g_free(statement->target);
    g_free(statement);
}

static ImportStatement *statement_new(guint line)
{
    ImportStatement *statement = g_new0(ImportStatement, 1);

    statement->line = line;
    statement->words = g_ptr_array_new_with_free_func(g_free);
    return statement;
}

static gboolean is_keyword(const char *word)
{
    static const char *const keywords[] = {
        "if",      "then",  "else", "elif",  "fi",   "for",      "while",   "do",       "done",
        "case",    "esac",  "{",    "}",     "!",    "time",     "export",  "readonly", "local",
        "declare", "until", "in",   "nohup", "exec", "function", "typeset", NULL};

    return g_strv_contains(keywords, word);
}

static gboolean is_head(const char *word)
{
    static const char *const heads[] = {"case", "for", NULL};

    return g_strv_contains(heads, word);
}

static void end_word(Shell *shell)
{
    if (!shell->in_word)
        return;
    shell->in_word = FALSE;
    ImportStatement *now = shell->now;
    if (shell->redirect) {
        g_free(now->target);
        now->target = g_strdup(shell->word->str);
        shell->redirect = FALSE;
    } else if (now->words->len == 0 && !now->comment &&
               (is_keyword(shell->word->str) ||
                (*shell->word->str == '-' && shell->word->len < 4))) {
        /* "if modprobe …" is about modprobe; so is "declare -a". */
        shell->head = is_head(shell->word->str);
        import_branches_keyword(shell->branches, shell->word->str);
    } else if (now->words->len < IMPORT_MOST_WORDS) {
        g_ptr_array_add(now->words, g_strdup(shell->word->str));
    }
    g_string_truncate(shell->word, 0);
}

static void end_statement(Shell *shell)
{
    end_word(shell);
    shell->redirect = FALSE;
    if (shell->head)
        g_ptr_array_set_size(shell->now->words, 0);
    shell->head = FALSE;
    if (shell->now->words->len > 0) {
        import_branches_statement(shell->branches, shell->now->words);
        shell->now->at = import_branches_now(shell->branches);
        g_ptr_array_add(shell->statements, shell->now);
        shell->now = statement_new(shell->line);
    }
    shell->now->line = shell->line;
    shell->now->comment = FALSE;
    g_clear_pointer(&shell->now->target, g_free);
}

/* What was read since the last statement was no command. */
static void forget(Shell *shell)
{
    end_word(shell);
    g_ptr_array_set_size(shell->now->words, 0);
    end_statement(shell);
}

/* "prepare|release)" of a case: no commands, but whom the next ones are for. */
static void end_pattern(Shell *shell)
{
    end_word(shell);
    for (guint i = shell->pipeline; i < shell->statements->len; i++)
        import_branches_pattern(shell->branches,
                                ((ImportStatement *)shell->statements->pdata[i])->words);
    import_branches_pattern(shell->branches, shell->now->words);
    import_branches_pattern_end(shell->branches);
    forget(shell);
    g_ptr_array_set_size(shell->statements, (gint)shell->pipeline);
}

static void add(Shell *shell, char letter)
{
    shell->in_word = TRUE;
    if (shell->word->len < IMPORT_LONGEST_WORD && letter)
        g_string_append_c(shell->word, letter);
}

/* Up to the closing quote; in '…' a dollar means nothing. */
static void quoted(Shell *shell)
{
    char quote = *shell->at++;

    add(shell, '\0');
    for (; *shell->at && *shell->at != quote; shell->at++) {
        if (*shell->at == '\n')
            shell->line++;
        if (quote == '"' && *shell->at == '\\' && shell->at[1])
            shell->at++;
        add(shell, *shell->at);
    }
    if (*shell->at)
        shell->at++;
}

/* "$(…)", "${…}" and "`…`" as they are, with the blanks in them. */
static void substitution(Shell *shell)
{
    char open = *(shell->at[0] == '`' ? shell->at : shell->at + 1);
    char close = *(open == '(' ? ")" : open == '{' ? "}" : "`");
    guint depth = 0;

    for (gsize i = 0; *shell->at; i++, shell->at++) {
        char letter = *shell->at;
        if (letter == '\n')
            shell->line++;
        add(shell, letter);
        if (letter == open && !(open == '`' && depth > 0))
            depth++;
        else if (letter == close && --depth == 0)
            break;
    }
    if (*shell->at)
        shell->at++;
}

/* The words of a comment, as a statement of their own when nothing is before it on its line. */
static void comment(Shell *shell)
{
    gsize length = strcspn(shell->at, "\n");
    gboolean own = shell->now->words->len == 0 && !shell->array;

    if (own) {
        g_autofree char *text = g_strndup(shell->at, length);
        const char *start = text + strspn(text, "# \t!");
        shell->now->comment = TRUE;
        g_ptr_array_add(shell->now->words, g_strndup(start, IMPORT_LONGEST_WORD));
        end_statement(shell);
    }
    shell->at += length;
}

/* Up to "]]", "&&", "<" and their like are words. */
static gboolean in_condition(const Shell *shell)
{
    const GPtrArray *words = shell->now->words;
    const char *last = shell->in_word   ? shell->word->str
                       : words->len > 0 ? words->pdata[words->len - 1]
                                        : NULL;

    return words->len > 0 && g_str_equal(words->pdata[0], "[[") && !g_str_equal(last, "]]");
}

static void operator_of(Shell *shell)
{
    char letter = *shell->at++;

    if (in_condition(shell)) {
        end_word(shell);
        return;
    }
    if (letter == '(' && shell->in_word && g_str_has_suffix(shell->word->str, "=")) {
        add(shell, '(');
        shell->array = TRUE;
        end_word(shell);
        return;
    }
    if (letter == ')' && shell->array) {
        end_word(shell);
        shell->array = FALSE;
        end_statement(shell);
        return;
    }
    if (letter == '>' || letter == '<') {
        /* "2>", "&>": the digit is no argument. */
        if (shell->in_word && shell->word->len == 1 && g_ascii_isdigit(*shell->word->str)) {
            g_string_truncate(shell->word, 0);
            shell->in_word = FALSE;
        }
        end_word(shell);
        while (*shell->at == '>' || *shell->at == '<' || *shell->at == '&' || *shell->at == '|')
            shell->at++;
        shell->redirect = TRUE;
        return;
    }
    if (letter == '(' && shell->at[strspn(shell->at, " \t")] == ')') {
        /* "name()": a function, whose commands follow. */
        forget(shell);
        shell->at += strspn(shell->at, " \t") + 1;
    } else if (letter == '(') {
        shell->open++;
        end_statement(shell);
    } else if (letter == ')' && shell->open == 0) {
        end_pattern(shell);
    } else {
        shell->open -= letter == ')';
        end_statement(shell);
    }
    if (letter != '|')
        shell->pipeline = shell->statements->len;
}

static void blank(Shell *shell)
{
    char letter = *shell->at++;

    end_word(shell);
    if (letter != '\n')
        return;
    shell->line++;
    if (!shell->array) {
        end_statement(shell);
        shell->pipeline = shell->statements->len;
    }
}

static void letter_of(Shell *shell)
{
    char letter = *shell->at;

    if (letter == '\\' && shell->at[1] == '\n') {
        shell->at += 2;
        shell->line++;
    } else if (letter == '\\' && shell->at[1]) {
        add(shell, shell->at[1]);
        shell->at += 2;
    } else if (letter == '\'' || letter == '"') {
        quoted(shell);
    } else if (letter == '`' || (letter == '$' && (shell->at[1] == '(' || shell->at[1] == '{'))) {
        substitution(shell);
    } else if (letter == '#' && !shell->in_word) {
        comment(shell);
    } else if (strchr(" \t\r\n", letter)) {
        blank(shell);
    } else if (letter == '&' && shell->at[1] == '>') {
        shell->at++;
    } else if (strchr(";|&()<>", letter)) {
        operator_of(shell);
    } else {
        add(shell, letter);
        shell->at++;
    }
}

GPtrArray *import_shell(const char *text)
{
    Shell shell = {.at = text,
                   .line = 1,
                   .statements = g_ptr_array_new_with_free_func(statement_free),
                   .now = statement_new(1),
                   .branches = import_branches_new(),
                   .word = g_string_new(NULL)};

    while (*shell.at)
        letter_of(&shell);
    end_statement(&shell);
    statement_free(shell.now);
    g_free(shell.branches);
    g_string_free(shell.word, TRUE);
    return shell.statements;
}
