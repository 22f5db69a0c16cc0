/* client.c - one curl easy handle, and what its answers mean. */
#include "cli/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/json_cut.h"
#include "common/core/names.h"

#define HEADER_ERROR   "x-clonecloudstore-error"
#define HEADER_CLIENT  "x-clonecloudstore-client-id"
#define PAUSE_FIRST_MS 100 /* doubled before each further try */
#define PAUSE_STEP_MS  50  /* ^C is looked for so often meanwhile */
#define STALL_BYTES    1   /* a second, below which a transfer stalls */

#define SET(easy, option, value) FY_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

struct fy_client {
    CURL *easy;
    char base[FY_URI_BYTES_MAX + 1];
    char client[FY_CLIENT_BYTES_MAX + 1];

    /* The call in hand, then the last one. */
    const struct fy_call *call;
    struct fy_buf body;
    struct fy_err callback_err; /* code FY_OK: read and write had nothing to say */
    char curl_error[CURL_ERROR_SIZE];
};

/* ---- ^C */

/* A signal has nowhere else to say that it came. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

bool fy_client_interrupted(void)
{
    return interrupted != 0;
}

static void begin_process(void)
{
    FY_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    /* Without SA_RESTART a read of a terminal ends too; the second ^C kills as usual. */
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- open, close */

enum fy_code fy_client_open(const struct fy_command_line *line, struct fy_client **client,
                            struct fy_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char base[FY_URI_BYTES_MAX + 1];
    if (fy_uri_normalise(line->config.url, base, err) != FY_OK)
        return fy_err_add(err, "url");
    const char *account = fy_option(line, "account");
    const char *id =
        line->config.client[0] == '\0' && account != NULL ? account : line->config.client;
    if (id[0] != '\0' && !fy_exact_client_is_valid(id, strlen(id)))
        return fy_err_set(err, FY_EINPUT,
                          "client: not 1-%d bytes of UTF-8 without control characters",
                          FY_CLIENT_BYTES_MAX);
    FY_ASSERT(pthread_once(&once, begin_process) == 0);
    struct fy_client *self = fy_alloc(sizeof(*self));
    memcpy(self->base, base, sizeof(self->base));
    FY_ASSERT(fy_text_copy(self->client, sizeof(self->client), id));
    fy_buf_init(&self->body, FY_CLIENT_ANSWER_BYTES_MAX);
    self->easy = curl_easy_init();
    FY_ASSERT(self->easy != NULL);
    *client = self;
    return FY_OK;
}

void fy_client_close(struct fy_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    fy_buf_done(&client->body);
    free(client);
}

void fy_client_end(struct fy_client **client)
{
    fy_client_close(*client);
}

/* ---- what curl calls */

static size_t on_read(char *bytes, size_t one, size_t capacity, void *arg)
{
    struct fy_client *client = arg;
    ssize_t got =
        client->call->read(client->call->arg, bytes, one * capacity, &client->callback_err);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* A kept connection may turn out to be closed after some of the body was sent into it. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct fy_client *client = arg;
    bool to_start = offset == 0 && origin == SEEK_SET && client->call->rewind != NULL;
    return to_start && client->call->rewind(client->call->arg) ? CURL_SEEKFUNC_OK
                                                               : CURL_SEEKFUNC_CANTSEEK;
}

static size_t on_write(char *bytes, size_t one, size_t count, void *arg)
{
    struct fy_client *client = arg;
    size_t size_bytes = one * count;
    int http_status = fy_client_status(client);
    if (client->call->write != NULL && http_status >= 200 && http_status < 300) {
        enum fy_code code =
            client->call->write(client->call->arg, bytes, size_bytes, &client->callback_err);
        return code == FY_OK ? size_bytes : 0;
    }
    fy_buf_add(&client->body, bytes, size_bytes);
    if (client->body.overflow)
        (void)fy_err_set(&client->callback_err, FY_ETOOBIG, "the answer is over %d bytes",
                         FY_CLIENT_ANSWER_BYTES_MAX);
    return client->body.overflow ? 0 : size_bytes;
}

/* At least once a second, also while nothing moves. */
static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    (void)arg, (void)down_all, (void)down, (void)up_all, (void)up;
    return fy_client_interrupted();
}

/* ---- one call */

static void set_method(struct fy_client *client, const struct fy_call *call)
{
    CURL *easy = client->easy;
    if (call->read != NULL) {
        SET(easy, CURLOPT_UPLOAD, 1L);
        SET(easy, CURLOPT_READFUNCTION, on_read);
        SET(easy, CURLOPT_READDATA, client);
        SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
        SET(easy, CURLOPT_SEEKDATA, client);
        SET(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->read_bytes);
    } else if (call->body != NULL) {
        SET(easy, CURLOPT_POSTFIELDS, call->body);
        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
    } else if (strcmp(call->method, "POST") == 0) {
        SET(easy, CURLOPT_POSTFIELDS, "");
        SET(easy, CURLOPT_POSTFIELDSIZE, 0L);
    } else if (strcmp(call->method, "HEAD") == 0) {
        SET(easy, CURLOPT_NOBODY, 1L);
    }
    SET(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);
    FY_ASSERT(longer != NULL);
    return longer;
}

static struct curl_slist *make_headers(const struct fy_client *client, const struct fy_call *call)
{
    char own[sizeof(HEADER_CLIENT) + 2 + FY_CLIENT_BYTES_MAX];
    const char *id = call->client != NULL ? call->client : client->client;
    struct curl_slist *list = NULL;
    if (id[0] != '\0') {
        (void)snprintf(own, sizeof(own), HEADER_CLIENT ": %s", id);
        list = add_header(list, own);
    }
    for (size_t i = 0; i < FY_CLIENT_HEADERS_MAX && call->headers[i] != NULL; i++)
        list = add_header(list, call->headers[i]);
    return list;
}

static void set_limits(CURL *easy, const struct fy_call *call)
{
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)FY_CLIENT_CONNECT_MS);
    SET(easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    SET(easy, CURLOPT_LOW_SPEED_TIME, (long)FY_CLIENT_STALL_S);
    if (!call->is_long)
        SET(easy, CURLOPT_TIMEOUT_MS, (long)FY_CLIENT_SMALL_MS);
    SET(easy, CURLOPT_NOPROGRESS, 0L);
    SET(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    /* Sites speak to each other without a proxy; so do we, whatever http_proxy says. */
    SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
}

/* A header of Ferry's own is a sentence behind its module: "REPLICATOR - no such path". */
static const char *sentence_of(struct fy_client *client)
{
    const char *text = fy_client_header(client, HEADER_ERROR);
    if (text == NULL)
        return NULL;
    size_t module_bytes = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool has_module = module_bytes > 0 && strncmp(text + module_bytes, " - ", 3) == 0;
    return has_module ? text + module_bytes + 3 : text;
}

/* The header is ASCII, other letters are '?' in it: a body with the sentence has them. */
static enum fy_code set_sentence(struct fy_client *client, enum fy_code code, const char *sentence,
                                 struct fy_err *err)
{
    json_t *body = NULL;
    if (strchr(sentence, '?') != NULL && client->body.size_bytes > 0)
        body = fy_client_json(client, err);
    const char *whole = body != NULL ? fy_json_text(body, "error") : "";
    code = fy_err_set(err, code, "%s", whole[0] != '\0' ? whole : sentence);
    json_decref(body);
    return code;
}

static enum fy_code code_of_status(int http_status)
{
    switch (http_status) {
    case 401:
        return FY_EUNAUTH;
    case 403:
        return FY_EFORBIDDEN;
    case 404:
        return FY_ENOTFOUND;
    case 405:
        return FY_EMETHOD;
    case 406:
        return FY_ENOTACCEPT;
    case 409:
        return FY_EEXISTS;
    case 410:
        return FY_EGONE;
    case 413:
        return FY_ETOOBIG;
    case 429:
    case 503:
        return FY_EBUSY;
    case 502:
        return FY_EPEER;
    case 504:
        return FY_ETIMEOUT;
    case 507:
        return FY_ENOSPACE;
    default:
        return http_status >= 500 ? FY_EINTERNAL : FY_EINPUT;
    }
}

static enum fy_code judge_status(struct fy_client *client, struct fy_err *err)
{
    int http_status = fy_client_status(client);
    if (http_status >= 200 && http_status < 300)
        return FY_OK;
    const char *sentence = sentence_of(client);
    enum fy_code code = code_of_status(http_status);
    if (code == FY_EUNAUTH && client->client[0] == '\0')
        return fy_err_set(err, code, "a client-id is needed: --client ID or FERRY_CLIENT");
    if (sentence == NULL)
        return fy_err_set(err, code, "%s answers HTTP %d",
                          client->call->base != NULL ? client->call->base : client->base,
                          http_status);
    return set_sentence(client, code, sentence, err);
}

static enum fy_code judge_curl(struct fy_client *client, CURLcode result, struct fy_err *err)
{
    const char *base = client->call->base != NULL ? client->call->base : client->base;
    const char *why =
        client->curl_error[0] != '\0' ? client->curl_error : curl_easy_strerror(result);
    if (fy_client_interrupted())
        return fy_err_set(err, FY_ECANCELLED, "interrupted");
    if (client->callback_err.code != FY_OK) {
        *err = client->callback_err;
        return err->code;
    }
    switch ((int)result) {
    case CURLE_OPERATION_TIMEDOUT:
        return fy_err_set(err, FY_ETIMEOUT, "%s: %s", base, why);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_FAIL_REWIND:
        return fy_err_set(err, FY_ENET, "%s: %s", base, why);
    default:
        return fy_err_set(err, FY_EINTERNAL, "%s: %s", base, why);
    }
}

enum fy_code fy_client_call(struct fy_client *client, const struct fy_call *call,
                            struct fy_err *err)
{
    CURL *easy = client->easy;
    struct fy_buf url;
    if (call->path->overflow)
        return fy_err_set(err, FY_EINPUT, "the names are longer than any request may be");
    if (fy_client_interrupted())
        return fy_err_set(err, FY_ECANCELLED, "interrupted");
    fy_buf_init(&url, FY_URI_BYTES_MAX + FY_PATH_BYTES_MAX);
    fy_buf_printf(&url, "%s%s", call->base != NULL ? call->base : client->base, call->path->bytes);
    client->call = call;
    client->callback_err = (struct fy_err){0};
    client->curl_error[0] = '\0';
    fy_buf_clear(&client->body);

    curl_easy_reset(easy); /* connections are kept */
    struct curl_slist *headers = make_headers(client, call);
    SET(easy, CURLOPT_URL, url.bytes);
    SET(easy, CURLOPT_HTTPHEADER, headers);
    SET(easy, CURLOPT_ERRORBUFFER, client->curl_error);
    SET(easy, CURLOPT_WRITEFUNCTION, on_write);
    SET(easy, CURLOPT_WRITEDATA, client);
    set_limits(easy, call);
    set_method(client, call);
    CURLcode result = curl_easy_perform(easy);
    SET(easy, CURLOPT_HTTPHEADER, NULL);
    SET(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    fy_buf_done(&url);
    /* A refusal in the middle of an upload ends the connection: the refusal is what counts. */
    if (result == CURLE_OK || (call->read != NULL && fy_client_status(client) >= 400))
        return judge_status(client, err);
    return judge_curl(client, result, err);
}

enum fy_code fy_client_ask(struct fy_client *client, const struct fy_call *call, struct fy_err *err)
{
    const int64_t busy_until_ms = fy_mono_ms(fy_clock_system()) + FY_CLIENT_BUSY_MS;
    enum fy_code code = fy_client_call(client, call, err);
    for (unsigned tries = 1; fy_client_is_temporary(code); tries++) {
        bool waits = code == FY_EBUSY && fy_mono_ms(fy_clock_system()) < busy_until_ms;
        if (tries >= FY_CLIENT_TRIES_MAX && !waits)
            break;
        fy_client_pause(tries < FY_CLIENT_TRIES_MAX ? tries : FY_CLIENT_TRIES_MAX - 1);
        code = fy_client_call(client, call, err);
    }
    return code;
}

int fy_client_status(struct fy_client *client)
{
    long http_status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &http_status);
    return (int)http_status;
}

const char *fy_client_header(struct fy_client *client, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(client->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

int64_t fy_client_version(struct fy_client *client)
{
    const char *version = fy_client_header(client, "x-ferry-version-id");
    return version != NULL ? strtoll(version, NULL, 10) : 0;
}

const char *fy_client_body(struct fy_client *client, size_t *size_bytes)
{
    *size_bytes = client->body.size_bytes;
    return client->body.bytes != NULL ? client->body.bytes : "";
}

/* ---- JSON */

json_t *fy_client_json(struct fy_client *client, struct fy_err *err)
{
    size_t size_bytes;
    const char *text = fy_client_body(client, &size_bytes);
    json_error_t why;
    if (fy_json_depth_check(text, size_bytes, err) != FY_OK)
        return NULL;
    json_t *tree = json_loadb(text, size_bytes, JSON_ALLOW_NUL, &why);
    if (tree == NULL)
        (void)fy_err_set(err, FY_EINTERNAL, "the site's answer is no JSON: %s", why.text);
    return tree;
}

/* What was answered just now. */
static enum fy_code take_json(struct fy_client *client, json_t **tree, struct fy_err *err)
{
    json_t *answer = fy_client_json(client, err);
    if (answer == NULL)
        return err->code;
    *tree = answer;
    return FY_OK;
}

enum fy_code fy_client_get_json(struct fy_client *client, struct fy_buf *path, json_t **tree,
                                struct fy_err *err)
{
    const struct fy_call call = {.method = "GET", .path = path};
    enum fy_code code = fy_client_call(client, &call, err);
    fy_buf_done(path);
    return code == FY_OK ? take_json(client, tree, err) : code;
}

enum fy_code fy_client_send(struct fy_client *client, const char *method, struct fy_buf *path,
                            const struct fy_buf *body, struct fy_err *err)
{
    struct fy_call call = {.method = method, .path = path};
    if (body != NULL) {
        FY_ASSERT(!body->overflow);
        call.body = body->bytes;
        call.body_bytes = body->size_bytes;
        call.headers[0] = "Content-Type: application/json";
    }
    enum fy_code code = fy_client_call(client, &call, err);
    fy_buf_done(path);
    return code;
}

enum fy_code fy_client_send_json(struct fy_client *client, const char *method, struct fy_buf *path,
                                 const struct fy_buf *body, json_t **tree, struct fy_err *err)
{
    enum fy_code code = fy_client_send(client, method, path, body, err);
    return code == FY_OK ? take_json(client, tree, err) : code;
}

/* The rest of path that asks for what is behind a page: behind its last name or id, and of versions
 * behind that version of the name. */
static void add_after(struct fy_buf *path, const json_t *page)
{
    const json_t *next = json_object_get(page, "next");
    const json_t *version = json_object_get(page, "nextVersion");
    if (json_is_string(next))
        fy_path_query(path, "after", json_string_value(next));
    else
        fy_path_query_i64(path, "after", json_integer_value(next));
    if (json_is_integer(version))
        fy_path_query_i64(path, "afterVersion", json_integer_value(version));
}

static bool goes_on(const json_t *page)
{
    const json_t *next = json_object_get(page, "next");
    return next != NULL && !json_is_null(next);
}

static bool end_alike(const json_t *a, const json_t *b)
{
    const json_t *version = json_object_get(a, "nextVersion");
    return json_equal(json_object_get(a, "next"), json_object_get(b, "next")) &&
           (version == NULL || json_equal(version, json_object_get(b, "nextVersion")));
}

/* The page behind `last` (NULL: the first), whose end takes its place. */
static enum fy_code walk_page(struct fy_client *client, const struct fy_buf *path, const char *rows,
                              json_t **last, fy_client_visit_fn *visit, void *arg, bool *more,
                              struct fy_err *err)
{
    struct fy_buf page;
    json_t *tree = NULL;
    fy_buf_init(&page, FY_PATH_BYTES_MAX);
    fy_buf_add(&page, path->bytes, path->size_bytes);
    page.overflow = page.overflow || path->overflow;
    if (*last != NULL)
        add_after(&page, *last);
    enum fy_code code = fy_client_get_json(client, &page, &tree, err);
    if (code != FY_OK)
        return code;
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(tree, rows), index, row)
    {
        *more = *more && visit(arg, row);
    }
    *more = *more && visit(arg, NULL) && goes_on(tree);
    if (*more && *last != NULL && end_alike(*last, tree))
        code = fy_err_set(err, FY_EINTERNAL, "the site's listing does not go on");
    (void)json_object_del(tree, rows); /* only its end is wanted any more */
    json_decref(*last);
    *last = tree;
    return code;
}

enum fy_code fy_client_pages(struct fy_client *client, struct fy_buf *path, const char *rows,
                             fy_client_visit_fn *visit, void *arg, struct fy_err *err)
{
    json_t *last = NULL;
    bool more = true;
    enum fy_code code = FY_OK;
    fy_path_query_i64(path, "limit", FY_CLIENT_PAGE_ROWS);
    while (more && code == FY_OK)
        code = walk_page(client, path, rows, &last, visit, arg, &more, err);
    json_decref(last);
    fy_buf_done(path);
    return code;
}

const char *fy_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

int64_t fy_json_i64(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool fy_json_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

enum fy_code fy_json_account(const json_t *container, char account[static FY_CLIENT_BYTES_MAX + 1],
                             struct fy_err *err)
{
    const char *text = fy_json_text(container, "account");
    if (text[0] == '\0' || !fy_text_copy(account, FY_CLIENT_BYTES_MAX + 1, text))
        return fy_err_set(err, FY_EPEER, "it does not say whose the bucket is");
    return FY_OK;
}

/* ---- what errors mean */

int fy_client_exit(enum fy_code code)
{
    switch ((int)code) {
    case FY_OK:
        return FY_EXIT_DONE;
    case FY_ENOTFOUND:
    case FY_EGONE:
        return FY_EXIT_NOT_FOUND;
    case FY_EUNAUTH:
    case FY_EFORBIDDEN:
        return FY_EXIT_REFUSED;
    case FY_EFULL:
    case FY_EBUSY:
    case FY_ENOSPACE:
    case FY_ENET:
    case FY_ETIMEOUT:
    case FY_EPEER:
        return FY_EXIT_TEMPORARY;
    case FY_ECANCELLED:
        return FY_EXIT_INTERRUPTED;
    default:
        return FY_EXIT_ERROR;
    }
}

bool fy_client_is_temporary(enum fy_code code)
{
    return fy_client_exit(code) == FY_EXIT_TEMPORARY;
}

void fy_client_pause(unsigned attempt)
{
    FY_ASSERT(attempt >= 1 && attempt < FY_CLIENT_TRIES_MAX);
    const struct timespec step = {.tv_nsec = PAUSE_STEP_MS * 1000000L};
    for (int left_ms = PAUSE_FIRST_MS << (attempt - 1); left_ms > 0 && !fy_client_interrupted();
         left_ms -= PAUSE_STEP_MS)
        (void)nanosleep(&step, NULL); /* cut short by a signal: looked at above */
}
