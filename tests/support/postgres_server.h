/* postgres_server.h - a real PostgreSQL for the tests: its own folder, its own port, started and
 * stopped by them. */
#ifndef FY_TESTS_POSTGRES_SERVER_H
#define FY_TESTS_POSTGRES_SERVER_H

#include <sys/types.h>

#include "tests/support/temp.h"

struct postgres_server {
    char folder[TEMP_BYTES]; /* its data, its socket, its log */
    int port;                /* on 127.0.0.1 */
    pid_t pid;               /* 0: stopped */
};

/* Makes a server in a new folder and starts it. Fails the test when it does not come up; a program
 * run by root runs the server as the user that Debian's package made for it. */
void postgres_server_new(struct postgres_server *server);
void postgres_server_start(struct postgres_server *server);
/* By that signal: SIGINT cuts all connections, SIGQUIT is a crash. Waits until it has ended. */
void postgres_server_stop(struct postgres_server *server, int signal_number);
/* Stops it and removes its folder. */
void postgres_server_free(struct postgres_server *server);
/* "postgres://ferry@127.0.0.1:PORT/postgres"; text has room for 128 bytes. */
void postgres_server_url(const struct postgres_server *server, char *text);

#endif
