/* postgres_server.c - starts and stops a PostgreSQL for the tests. */
#include "tests/support/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START_SECONDS 60 /* a machine that does other things at the same time */
#define TEXT_BYTES    512

/* Into an array of TEXT_BYTES. */
#define PRINT(text, ...)                                                                           \
    do {                                                                                           \
        int print_size = snprintf(text, TEXT_BYTES, __VA_ARGS__);                                  \
        assert_true(print_size > 0 && print_size < TEXT_BYTES);                                    \
    } while (0)

/* Debian keeps each version in a folder of its own; the newest one. */
static void program_path(const char *name, char path[static TEXT_BYTES])
{
    glob_t found;
    PRINT(path, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(path, 0, NULL, &found) != 0)
        fail_msg("no %s: install the package postgresql-15", path);
    PRINT(path, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(close(fd), 0);
    return ntohs(address.sin_port);
}

static const struct passwd *server_user(void)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    return user == NULL && getuid() == 0 ? getpwnam("nobody") : user;
}

/* The child: PostgreSQL refuses to run as root, and ends with the test program. */
static void become(const struct postgres_server *server, const char *const *arguments)
{
    char path[TEXT_BYTES];
    const struct passwd *user = server_user();
    PRINT(path, "%s/log", server->folder);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir(server->folder) != 0)
        _exit(126);
    if (user != NULL &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT); /* only for a test program that is killed */
    (void)execv(arguments[0], (char *const *)(uintptr_t)arguments); /* which changes nothing */
    _exit(127);
}

static pid_t spawn(const struct postgres_server *server, const char *const *arguments)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(server, arguments);
    return child;
}

void postgres_server_url(const struct postgres_server *server, char *text)
{
    int size = snprintf(text, 128, "postgres://ferry@127.0.0.1:%d/postgres", server->port);
    assert_true(size > 0 && size < 128);
}

static bool accepts(const struct postgres_server *server)
{
    char program[TEXT_BYTES], port[16];
    program_path("pg_isready", program);
    (void)snprintf(port, sizeof port, "%d", server->port);
    const char *const arguments[] = {program, "-q", "-h", "127.0.0.1", "-p", port, NULL};
    int status = 0;
    pid_t child = spawn(server, arguments);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void postgres_server_start(struct postgres_server *server)
{
    char program[TEXT_BYTES], port[16];
    program_path("postgres", program);
    (void)snprintf(port, sizeof port, "%d", server->port);
    const char *const arguments[] = {program,
                                     "-D",
                                     "data",
                                     "-k",
                                     server->folder,
                                     "-h",
                                     "127.0.0.1",
                                     "-p",
                                     port,
                                     "-c",
                                     "fsync=off", /* the power stays on; a crash loses nothing */
                                     "-c",
                                     "log_min_messages=warning",
                                     "-c",
                                     "log_min_error_statement=panic",
                                     NULL};
    server->pid = spawn(server, arguments);
    const struct timespec wait = {.tv_nsec = 50 * 1000000L};
    for (int tries = 0; !accepts(server); tries++) {
        if (tries >= START_SECONDS * 10 || waitpid(server->pid, NULL, WNOHANG) != 0)
            fail_msg("PostgreSQL did not start, see %s/log", server->folder);
        (void)nanosleep(&wait, NULL);
    }
}

void postgres_server_new(struct postgres_server *server)
{
    char program[TEXT_BYTES];
    const struct passwd *user = server_user();
    int status = 0;
    temp_folder("postgres", server->folder);
    if (user != NULL)
        assert_int_equal(chown(server->folder, user->pw_uid, user->pw_gid), 0);
    server->port = free_port();
    program_path("initdb", program);
    const char *const arguments[] = {program,     "-D",    "data", "-U",   "ferry",
                                     "-A",        "trust", "-E",   "UTF8", "--locale=C.UTF-8",
                                     "--no-sync", NULL};
    pid_t child = spawn(server, arguments);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("initdb failed, see %s/log", server->folder);
    postgres_server_start(server);
}

void postgres_server_stop(struct postgres_server *server, int signal_number)
{
    if (server->pid == 0)
        return;
    assert_int_equal(kill(server->pid, signal_number), 0);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void postgres_server_free(struct postgres_server *server)
{
    const char *const arguments[] = {"/bin/rm", "-rf", server->folder, NULL};
    postgres_server_stop(server, SIGINT);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)execv(arguments[0], (char *const *)(uintptr_t)arguments); /* which changes nothing */
        _exit(127);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
}
