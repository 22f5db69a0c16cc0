/* client.h - the client commands' HTTP: one call at a time over a connection that is kept. */
#ifndef FY_CLI_CLIENT_H
#define FY_CLI_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/paths.h"

/* Belongs to one thread at a time. */
struct fy_client;

/* One HTTP request. Everything in it is borrowed until the call returns. */
struct fy_call {
    const char *method;
    const char *base;   /* base URI of another site; NULL: the one of the configuration */
    const char *client; /* client-id; NULL: the one of the configuration */
    const struct fy_buf *path;
    const char *headers[FY_CLIENT_HEADERS_MAX]; /* "name: value" */

    /* The request's body: in memory; */
    const void *body;
    size_t body_bytes;
    /* or read as it is sent: at most capacity bytes, 0 at the end, -1 with err set to give up.
     * read_bytes is how many there are, -1 unknown. rewind goes back to the start, if it can. */
    ssize_t (*read)(void *arg, char *bytes, size_t capacity, struct fy_err *err);
    bool (*rewind)(void *arg);
    int64_t read_bytes;

    /* Takes the body of a 2xx answer as it comes; a code other than FY_OK ends the call with it.
     * NULL: it is gathered for fy_client_json. Other answers are always gathered. */
    enum fy_code (*write)(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err);
    void *arg;
    bool is_long; /* a body may take any time while its bytes move; else FY_CLIENT_SMALL_MS */
};

/* The base URL and client-id of line's configuration are copied; without a client-id an --account
 * asks for itself. The first one of a process also makes ^C end calls (FY_ECANCELLED). Errors:
 * FY_EINPUT --url is no base URI, --client no client-id. */
FY_MUST_CHECK enum fy_code fy_client_open(const struct fy_command_line *line,
                                          struct fy_client **client, struct fy_err *err);
void fy_client_close(struct fy_client *client); /* accepts NULL */
void fy_client_end(struct fy_client **client);  /* for FY_AUTO */

/*
 * Makes one request and waits for its answer.
 * Errors: by the HTTP status, with the sentence of x-clonecloudstore-error; FY_ENET and FY_ETIMEOUT
 * when no answer came; FY_ECANCELLED after ^C; what read and write have set. Nothing is repeated.
 */
FY_MUST_CHECK enum fy_code fy_client_call(struct fy_client *client, const struct fy_call *call,
                                          struct fy_err *err);
/* The same for a call that changes nothing and sends nothing: what may heal is tried again,
 * FY_CLIENT_TRIES_MAX times in all, and a site that is busy (503) for FY_CLIENT_BUSY_MS. */
FY_MUST_CHECK enum fy_code fy_client_ask(struct fy_client *client, const struct fy_call *call,
                                         struct fy_err *err);
/* Of the last call, valid until the next. */
int fy_client_status(struct fy_client *client);                           /* 0: no answer came */
const char *fy_client_header(struct fy_client *client, const char *name); /* NULL: absent */
const char *fy_client_body(struct fy_client *client, size_t *size_bytes); /* gathered; "" none */
int64_t fy_client_version(struct fy_client *client); /* of the object it was about; 0: not said */
/* The gathered body as JSON, its depth bounded; the caller's (json_auto_t). NULL and err when it is
 * none. Names may hold zero bytes: json_string_length tells. */
FY_MUST_CHECK json_t *fy_client_json(struct fy_client *client, struct fy_err *err);

/* GET path, whose answer is JSON; path is done with. *tree is the caller's. */
FY_MUST_CHECK enum fy_code fy_client_get_json(struct fy_client *client, struct fy_buf *path,
                                              json_t **tree, struct fy_err *err);
/* A small call with a JSON body (NULL: none); path is done with, body not. */
FY_MUST_CHECK enum fy_code fy_client_send(struct fy_client *client, const char *method,
                                          struct fy_buf *path, const struct fy_buf *body,
                                          struct fy_err *err);
/* The same, and its answer, which is JSON. *tree is set on FY_OK and the caller's. */
FY_MUST_CHECK enum fy_code fy_client_send_json(struct fy_client *client, const char *method,
                                               struct fy_buf *path, const struct fy_buf *body,
                                               json_t **tree, struct fy_err *err);
/* Walks a paged listing: for each row of the array `rows`, and with NULL at the end of each page.
 * path is done with. visit returns false to stop. One page is in memory. */
typedef bool fy_client_visit_fn(void *arg, const json_t *row);
FY_MUST_CHECK enum fy_code fy_client_pages(struct fy_client *client, struct fy_buf *path,
                                           const char *rows, fy_client_visit_fn *visit, void *arg,
                                           struct fy_err *err);

/* What an error means to the shell (DESIGN 10). */
int fy_client_exit(enum fy_code code);
/* The same call may succeed later: the site is away, busy or full. */
bool fy_client_is_temporary(enum fy_code code);
/* Waits before try number `attempt` (1 is the second), longer each time; less after ^C. */
void fy_client_pause(unsigned attempt);
bool fy_client_interrupted(void);

/* Members of JSON objects; "", 0 and false when absent or of another type. */
const char *fy_json_text(const json_t *object, const char *key);
int64_t fy_json_i64(const json_t *object, const char *key);
bool fy_json_bool(const json_t *object, const char *key);
/* Whose a container is, of what FY_PATH_CONTAINER answers. FY_EPEER: it does not say. */
FY_MUST_CHECK enum fy_code fy_json_account(const json_t *container,
                                           char account[static FY_CLIENT_BYTES_MAX + 1],
                                           struct fy_err *err);

#endif
