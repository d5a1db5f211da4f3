/* kinessis.core.repl: what the REPL needs from the terminal and from signals; kinessis.repl is the
 * rest.
 *
 *     local editor = repl.editor(history_file_or_nil, complete)
 *     editor:read("> ")     -> a line without its newline; nil and "end" or "interrupt"
 *     editor:add(line)      -> true, or nil and an error: it is in the history file
 *     repl.call(f, ...)     -> true and the results; false and an error: Ctrl-C interrupts f
 *     repl.while_idle(f)    -- f is called 100 times a second while a key is awaited; nil: no more
 *     repl.interrupted()    -> whether Ctrl-C did so in the last call
 *
 * Ctrl-C raises "interrupted" in the running chunk at its next instruction, and again at every
 * instruction after it until the chunk has ended, so that no pcall of the chunk survives it. C
 * functions that do not return cannot be interrupted. Coroutines have hooks of their own, so
 * repl.watch wraps coroutine.create and wrap to hook each.
 *
 * Line editing is libedit's (emacs keys unless ~/.editrc says else). */
#include "base/log.h"
#include "bind/host.h"
#include "bind/libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#define EDITOR "kinessis.editor"
#define HISTORY_LINES 1000
#define LINE_MAX_BYTES (64 << 10)
#define WATCHED_INSTRUCTIONS 10000 /* between two looks at the flag in a coroutine */

/* ---- interrupts ---- */

/* What the signal handler sees: the state whose chunk runs (NULL: none does), and that it is to
 * stop. */
static _Atomic(lua_State *) running;
static atomic_bool interrupted;

bool kn_repl_interrupted(void) {
    return atomic_load(&interrupted);
}

/* The hook. In a coroutine it looks at the flag now and then, until it is set. */
static void stop_chunk(lua_State *L, lua_Debug *frame) {
    (void)frame;
    bool stop = atomic_load(&interrupted);
    lua_sethook(L, stop_chunk, LUA_MASKCOUNT, stop ? 1 : WATCHED_INSTRUCTIONS);
    if (stop)
        luaL_error(L, "interrupted");
}

static void on_interrupt(int signal_number) {
    (void)signal_number;
    lua_State *L = atomic_load(&running);
    atomic_store(&interrupted, true);
    if (L)
        lua_sethook(L, stop_chunk, LUA_MASKCOUNT, 1); /* safe in a signal handler */
}

/* repl.call(f, ...) -> true, results...; or false, error */
static int l_repl_call(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct sigaction handle = {.sa_handler = on_interrupt}, before; /* without SA_RESTART */
    lua_pushcfunction(L, kn_host_traceback);
    lua_insert(L, 1);
    sigemptyset(&handle.sa_mask);
    atomic_store(&interrupted, false);
    atomic_store(&running, L);
    sigaction(SIGINT, &handle, &before);
    int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
    sigaction(SIGINT, &before, NULL);
    atomic_store(&running, NULL);
    lua_sethook(L, NULL, 0, 0);
    lua_pushboolean(L, status == LUA_OK);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int l_repl_interrupted(lua_State *L) {
    lua_pushboolean(L, kn_repl_interrupted());
    return 1;
}

/* Upvalue 1: coroutine.create or coroutine.wrap. */
static int watched(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, 1);
    lua_State *thread = lua_tothread(L, -1);
    if (!thread && lua_getupvalue(L, -1, 1)) { /* what wrap returns keeps its coroutine there */
        thread = lua_tothread(L, -1);
        lua_pop(L, 1);
    }
    if (thread)
        lua_sethook(thread, stop_chunk, LUA_MASKCOUNT, WATCHED_INSTRUCTIONS);
    return 1;
}

/* repl.watch(f) -> f, which is coroutine.create or wrap, so that Ctrl-C reaches its coroutines */
static int l_repl_watch(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, watched, 1);
    return 1;
}

/* ---- the editor ---- */

typedef struct editor {
    EditLine *el; /* NULL: closed */
    History *history;
    lua_State *L; /* the state in editor:read, for completion */
    char *history_file;
    char *prompt;
    sigset_t reading; /* the signals that are blocked while a key is awaited */
    int terminal;     /* stdout's; -1: closed */
    int printed;      /* a file, in place of stdout while others run; -1: closed */
} editor;

static char *show_prompt(EditLine *el) {
    editor *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    return e->prompt;
}

/* (editor's complete function, text) -> what to insert, what to show: called protected. */
static int call_complete(lua_State *L) {
    const LineInfo *line = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, EDITOR ".complete");
    lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
    lua_call(L, 1, 2);
    luaL_checkstring(L, -2);
    luaL_checkstring(L, -1);
    return 2;
}

static unsigned char on_tab(EditLine *el, int character) {
    (void)character;
    editor *e = NULL;
    kn_err err;
    el_get(el, EL_CLIENTDATA, &e);
    lua_pushcfunction(e->L, call_complete);
    lua_pushlightuserdata(e->L, (void *)el_line(el));
    if (!kn_host_call(e->L, 1, 2, &err))
        return CC_ERROR;
    const char *insert = lua_tostring(e->L, -2), *show = lua_tostring(e->L, -1);
    unsigned char result = CC_ERROR;
    if (*insert && el_insertstr(el, insert) == 0)
        result = CC_REFRESH;
    if (*show) {
        printf("\n%s\n", show);
        result = CC_REDISPLAY;
    }
    lua_pop(e->L, 2);
    return result;
}

/* Columns of a terminal; what is no text takes one. */
static unsigned width_of(const char *p, size_t n) {
    mbstate_t state = {0};
    unsigned width = 0;
    for (const char *end = p + n; p < end;) {
        wchar_t c;
        size_t used = mbrtowc(&c, p, (size_t)(end - p), &state);
        bool text = used != 0 && used <= (size_t)(end - p);
        int columns = text ? wcwidth(c) : 1;
        width += columns < 0 ? 1 : (unsigned)columns;
        p += text ? used : 1;
        if (!text)
            state = (mbstate_t){0};
    }
    return width;
}

/* The line that is edited, for those who print meanwhile: their lines come above it. */
static void show_line(editor *e) {
    const LineInfo *line = el_line(e->el);
    struct winsize size = {0};
    unsigned columns =
        ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    size_t n = (size_t)(line->lastchar - line->buffer);
    unsigned prompt = width_of(e->prompt, strlen(e->prompt));
    unsigned whole = prompt + width_of(line->buffer, n);
    unsigned cursor = prompt + width_of(line->buffer, (size_t)(line->cursor - line->buffer));
    unsigned below = whole / columns - cursor / columns;
    kn_buf text;
    kn_buf_init(&text, LINE_MAX_BYTES);
    kn_buf_printf(&text, "%s%.*s", e->prompt, (int)n, line->buffer);
    if (whole && whole % columns == 0)
        kn_buf_cstr(&text, " \b"); /* the cursor goes to the next row, as libedit's does */
    if (below)
        kn_buf_printf(&text, "\33[%uA", below);
    kn_buf_char(&text, '\r');
    if (cursor % columns)
        kn_buf_printf(&text, "\33[%uC", cursor % columns);
    if (kn_buf_ok(&text))
        kn_log_live_line(kn_buf_view(&text), cursor / columns + 1);
    kn_buf_free(&text);
}

/* What is written to stdout from now on goes to the file. */
static void redirect_stdout(int fd) {
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
}

/* Prints what the file has above the line, and empties it. */
static void print_above(int fd) {
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return;
    void *text = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text != MAP_FAILED) {
        kn_log_lines((kn_slice){text, (size_t)size});
        munmap(text, (size_t)size);
    }
    if (ftruncate(fd, 0) == 0)
        lseek(fd, 0, SEEK_SET);
}

/* What runs in the background goes on while a key is awaited. What it prints comes above the line
 * that is edited. What fails is told once. */
static void call_idle(editor *e) {
    kn_err err;
    lua_getfield(e->L, LUA_REGISTRYINDEX, EDITOR ".idle");
    redirect_stdout(e->printed);
    bool ok = kn_host_call(e->L, 0, 0, &err);
    redirect_stdout(e->terminal);
    print_above(e->printed);
    if (ok)
        return;
    kn_log_lines(kn_slice_cstr(err.message));
    lua_pushnil(e->L);
    lua_setfield(e->L, LUA_REGISTRYINDEX, EDITOR ".idle");
}

static bool has_idle(editor *e) {
    bool found = lua_getfield(e->L, LUA_REGISTRYINDEX, EDITOR ".idle") != LUA_TNIL;
    lua_pop(e->L, 1);
    return found;
}

/* repl.while_idle(f or nil) */
static int l_repl_while_idle(lua_State *L) {
    lua_settop(L, 1);
    if (!lua_isnil(L, 1))
        luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_setfield(L, LUA_REGISTRYINDEX, EDITOR ".idle");
    return 0;
}

/* libedit's own way to read misses a Ctrl-C that comes just before read(): so SIGINT is blocked but
 * in ppoll. Returns 1 and the character; 0 at the end; -1 when interrupted or broken. */
static int await_character(editor *e, wchar_t *character) {
    mbstate_t state = {0};
    for (;;) {
        struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
        const struct timespec tick = {0, 10000000};
        bool idles = has_idle(e);
        int ready = ppoll(&terminal, 1, idles ? &tick : NULL, &e->reading);
        if (ready == 0 && idles)
            call_idle(e);
        if (atomic_load(&interrupted) || (ready < 0 && errno != EINTR))
            return -1;
        if (ready <= 0)
            continue;
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        size_t used = n == 1 ? mbrtowc(character, &byte, 1, &state) : (size_t)-2;
        if (used <= 1)
            return 1;
        if (used == (size_t)-1)
            state = (mbstate_t){0}; /* not UTF-8: dropped */
    }
}

static int read_character(EditLine *el, wchar_t *character) {
    editor *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    show_line(e);
    int result = await_character(e, character);
    kn_log_live_line((kn_slice){NULL, 0}, 1);
    return result;
}

static editor *check_editor(lua_State *L) {
    editor *e = luaL_checkudata(L, 1, EDITOR);
    luaL_argcheck(L, e->el, 1, "the editor is closed");
    return e;
}

static int l_editor_close(lua_State *L) {
    editor *e = luaL_checkudata(L, 1, EDITOR);
    if (e->el)
        el_end(e->el);
    if (e->history)
        history_end(e->history);
    free(e->history_file);
    free(e->prompt);
    if (e->terminal >= 0)
        close(e->terminal);
    if (e->printed >= 0)
        close(e->printed);
    memset(e, 0, sizeof *e);
    e->terminal = e->printed = -1;
    return 0;
}

/* Text is edited as UTF-8 also where the locale is not set. */
static void choose_locale(void) {
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static bool open_editor(editor *e, const char *history_file) {
    HistEvent event;
    choose_locale();
    e->el = el_init("kinessis", stdin, stdout, stderr);
    e->history = history_init();
    e->prompt = strdup("");
    if (history_file)
        e->history_file = strdup(history_file);
    if (!e->el || !e->history || !e->prompt || e->terminal < 0 || e->printed < 0 ||
        (history_file && !e->history_file))
        return false;
    history(e->history, &event, H_SETSIZE, HISTORY_LINES);
    history(e->history, &event, H_SETUNIQUE, 1);
    if (e->history_file)
        history(e->history, &event, H_LOAD, e->history_file); /* absent at first */
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_SIGNAL, 1);
    el_set(e->el, EL_GETCFN, read_character);
    el_set(e->el, EL_PROMPT, show_prompt);
    el_set(e->el, EL_HIST, history, e->history);
    el_wset(e->el, EL_ADDFN, L"complete", L"complete the word",
            on_tab); /* el_set would leak them */
    el_set(e->el, EL_BIND, "^I", "complete", NULL);
    el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(e->el, NULL); /* ~/.editrc */
    return true;
}

/* repl.editor(history file or nil, complete): complete(text before the cursor) returns the text to
 * insert and the text to show, each "" for none. One editor at a time. */
static int l_repl_editor(lua_State *L) {
    const char *history_file = luaL_optstring(L, 1, NULL);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, EDITOR ".complete");
    editor *e = lua_newuserdatauv(L, sizeof *e, 0);
    memset(e, 0, sizeof *e);
    e->terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    e->printed = memfd_create("printed", MFD_CLOEXEC);
    luaL_setmetatable(L, EDITOR);
    if (!open_editor(e, history_file))
        return luaL_error(L, "cannot start the line editor: out of memory or of files");
    return 1;
}

/* editor:read(prompt) -> line; or nil, "end" or "interrupt" */
static int l_editor_read(lua_State *L) {
    editor *e = check_editor(L);
    char *prompt = strdup(luaL_checkstring(L, 2));
    if (!prompt)
        return luaL_error(L, "out of memory");
    free(e->prompt);
    e->prompt = prompt;
    e->L = L;
    struct sigaction handle = {.sa_handler = on_interrupt}, before;
    sigset_t blocked;
    sigemptyset(&handle.sa_mask);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    atomic_store(&interrupted, false);
    pthread_sigmask(SIG_BLOCK, &blocked, &e->reading);
    sigaction(SIGINT, &handle, &before);
    el_set(e->el, EL_PREP_TERM, 1); /* before the prompt: keys typed at its sight are keys */
    int n = 0;
    const char *line = el_gets(e->el, &n);
    pthread_sigmask(SIG_SETMASK, &e->reading, NULL);
    sigaction(SIGINT, &before, NULL);
    if (!line || n <= 0) {
        lua_pushnil(L);
        lua_pushstring(L, atomic_load(&interrupted) ? "interrupt" : "end");
        return 2;
    }
    if (line[n - 1] == '\n')
        n--;
    lua_pushlstring(L, line, (size_t)n);
    return 1;
}

/* editor:add(line) -> true; or nil and an error when the history file cannot be written */
static int l_editor_add(lua_State *L) {
    editor *e = check_editor(L);
    HistEvent event;
    kn_err err;
    history(e->history, &event, H_ENTER, luaL_checkstring(L, 2));
    errno = 0;
    if (e->history_file && history(e->history, &event, H_SAVE, e->history_file) == -1) {
        kn_fail_errno(&err, "cannot write the history to %s", e->history_file);
        return kn_host_error(L, &err);
    }
    lua_pushboolean(L, 1);
    return 1;
}

int kn_open_repl(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"read", l_editor_read}, {"add", l_editor_add}, {"close", l_editor_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"editor", l_repl_editor},
                                         {"call", l_repl_call},
                                         {"interrupted", l_repl_interrupted},
                                         {"while_idle", l_repl_while_idle},
                                         {"watch", l_repl_watch},
                                         {NULL, NULL}};
    kn_host_new_type(L, EDITOR, methods, l_editor_close);
    luaL_newlib(L, functions);
    return 1;
}
