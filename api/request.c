/* request.c - the head of a request: copied out of libmicrohttpd once, read by handlers on any
 * thread. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/exchange.h"
#include "common/core/names.h"

#define HEADER_CLIENT "x-clonecloudstore-client-id"
#define HEADER_OP_ID  "x-clonecloudstore-op-id"

/* Room for "-" and an index behind it, as orders of an array get (DESIGN 4). */
#define OP_ID_GIVEN_MAX (FY_OP_ID_BYTES_MAX - 20)

struct head_copy {
    struct fy_exchange *x;
    size_t count;
    size_t text_bytes;
    char *at; /* NULL while measuring */
};

static char *copy_text(struct head_copy *copy, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *start = copy->at;
    memcpy(start, text, bytes);
    copy->at += bytes;
    return start;
}

static enum MHD_Result measure_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    struct head_copy *copy = arg;
    copy->count++;
    copy->text_bytes += strlen(name) + 1 + (value != NULL ? strlen(value) : 0) + 1;
    return MHD_YES;
}

static enum MHD_Result copy_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    struct head_copy *copy = arg;
    struct fy_text_pair *pair = &copy->x->headers[copy->x->header_count++];
    pair->name = copy_text(copy, name);
    pair->value = copy_text(copy, value != NULL ? value : "");
    return MHD_YES;
}

/* "http://host/path" of a proxy's request line is its path; nothing at all is the root's parent. */
static const char *path_of_uri(const char *uri)
{
    if (strncasecmp(uri, "http://", 7) != 0)
        return uri;
    const char *slash = strchr(uri + 7, '/');
    return slash != NULL ? slash : "/";
}

/* Everything borrowed from libmicrohttpd in one block: pairs first, then texts. */
static void copy_head(struct fy_exchange *x, const char *method)
{
    struct head_copy copy = {.x = x};
    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, measure_header, &copy);
    size_t pair_bytes = copy.count * sizeof(struct fy_text_pair);
    copy.text_bytes += strlen(method) + 1 + strlen(x->uri) + 2;
    x->texts = fy_alloc(pair_bytes + copy.text_bytes);
    x->headers = (struct fy_text_pair *)(void *)x->texts;
    copy.at = x->texts + pair_bytes;
    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, copy_header, &copy);
    x->method = copy_text(&copy, method);
    char *path = copy_text(&copy, path_of_uri(x->uri));
    char *mark = strchr(path, '?');
    if (mark != NULL)
        *mark = '\0';
    if (x->server->dialect != NULL && x->server->dialect->owns(path))
        x->dialect = x->server->dialect;
    x->path = path;
}

static enum fy_code decode_query_pair(struct fy_exchange *x, const char *raw, size_t raw_bytes,
                                      char **at, struct fy_err *err)
{
    const char *equals = memchr(raw, '=', raw_bytes);
    size_t name_bytes = equals != NULL ? (size_t)(equals - raw) : raw_bytes;
    const char *value = equals != NULL ? equals + 1 : raw + raw_bytes;
    size_t value_bytes = (size_t)(raw + raw_bytes - value);
    struct fy_text_pair *pair = &x->queries[x->query_count];

    pair->name = *at;
    if (fy_percent_decode(raw, name_bytes, true, *at, name_bytes + 1, err) != FY_OK)
        return fy_err_add(err, "query");
    *at += name_bytes + 1;
    pair->value = *at;
    if (fy_percent_decode(value, value_bytes, true, *at, value_bytes + 1, err) != FY_OK)
        return fy_err_add(err, "query parameter %.60s", pair->name);
    *at += value_bytes + 1;
    x->query_count++;
    return FY_OK;
}

static enum fy_code read_query(struct fy_exchange *x, struct fy_err *err)
{
    const char *query = strchr(x->uri, '?');
    if (query == NULL || query[1] == '\0')
        return FY_OK;
    query++;
    size_t pairs = 1;
    for (const char *at = query; *at != '\0'; at++)
        pairs += *at == '&';
    if (pairs > FY_QUERY_PAIRS_MAX)
        return fy_err_set(err, FY_EINPUT, "over %d query parameters", FY_QUERY_PAIRS_MAX);

    size_t pair_bytes = pairs * sizeof(struct fy_text_pair);
    x->query_text = fy_alloc(pair_bytes + strlen(query) + 2 * pairs + 1);
    x->queries = (struct fy_text_pair *)(void *)x->query_text;
    char *at = x->query_text + pair_bytes;
    while (*query != '\0') {
        size_t raw_bytes = strcspn(query, "&");
        if (raw_bytes > 0 && decode_query_pair(x, query, raw_bytes, &at, err) != FY_OK)
            return FY_EINPUT;
        query += raw_bytes + (query[raw_bytes] == '&');
    }
    return FY_OK;
}

static bool is_blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t")] == '\0';
}

/* Echoed in a header and written into records: a client's own text, or a new GUID in place of one
 * that is too long to carry. */
static void take_op_id(struct fy_exchange *x)
{
    const char *given = fy_request_header(x, HEADER_OP_ID);
    bool good = !is_blank(given) && strlen(given) <= OP_ID_GIVEN_MAX;
    for (const char *at = given; good && *at != '\0'; at++)
        good = (unsigned char)*at >= 0x20 && *at != 0x7f;
    if (!good || !fy_text_copy(x->op_id, sizeof x->op_id, given))
        fy_guid_new(x->server->node->clock, x->op_id);
}

/* What the head says of the body. */
static enum fy_code read_body_headers(struct fy_exchange *x, struct fy_err *err)
{
    const char *length = fy_request_header(x, "Content-Length");
    if (fy_request_header(x, "Transfer-Encoding") != NULL)
        x->body_promised = -1;
    else if (length != NULL)
        x->body_promised =
            strtoll(length, NULL, 10); /* libmicrohttpd has refused what is no number */
    const char *encoding = fy_request_header(x, "Content-Encoding");
    if (is_blank(encoding) || strcasecmp(encoding, "identity") == 0)
        return FY_OK;
    x->body_zstd = strcasecmp(encoding, "zstd") == 0;
    if (!x->body_zstd)
        return fy_err_set(err, FY_EMEDIA, "Content-Encoding %.60s is not taken; zstd is", encoding);
    return FY_OK;
}

enum fy_code fy_request_read(struct fy_exchange *x, const char *method, struct fy_err *err)
{
    copy_head(x, method);
    take_op_id(x);
    const char *client = fy_request_header(x, HEADER_CLIENT);
    x->client = is_blank(client) || x->dialect != NULL ? "" : client;
    enum fy_code code = read_body_headers(x, err);
    return code != FY_OK || x->dialect != NULL ? code : read_query(x, err);
}

bool fy_request_wants_continue(struct fy_exchange *x)
{
    const char *expect = fy_request_header(x, "Expect");
    return expect != NULL && strcasecmp(expect, "100-continue") == 0 && x->body_promised != 0;
}

/* ------------------------------------------------------------------ for handlers */

struct fy_node *fy_node_of(struct fy_exchange *x)
{
    return x->server->node;
}

static const char *pair_find(const struct fy_text_pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].value;
    }
    return NULL;
}

const char *fy_path_value(struct fy_exchange *x, const char *name)
{
    return pair_find(x->values, x->value_count, name);
}

const char *fy_path_raw(struct fy_exchange *x)
{
    return x->path;
}

const char *fy_query(struct fy_exchange *x, const char *name)
{
    return pair_find(x->queries, x->query_count, name);
}

const char *fy_query_raw(struct fy_exchange *x)
{
    const char *mark = strchr(x->uri, '?');
    return mark != NULL ? mark + 1 : "";
}

const char *fy_request_header(struct fy_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (strcasecmp(x->headers[i].name, name) == 0)
            return x->headers[i].value;
    }
    return NULL;
}

void fy_request_headers(struct fy_exchange *x,
                        void (*visit)(void *arg, const char *name, const char *value), void *arg)
{
    for (size_t i = 0; i < x->header_count; i++)
        visit(arg, x->headers[i].name, x->headers[i].value);
}

const char *fy_client(struct fy_exchange *x)
{
    return x->client;
}

const char *fy_op_id(struct fy_exchange *x)
{
    return x->op_id;
}

bool fy_is_head(struct fy_exchange *x)
{
    return strcmp(x->method, "HEAD") == 0;
}

bool fy_is_from_site(struct fy_exchange *x)
{
    return fy_request_header(x, "x-ferry-version") != NULL;
}

bool fy_content_is(struct fy_exchange *x, const char *type)
{
    const char *given = fy_request_header(x, "Content-Type");
    if (given == NULL)
        return false;
    given += strspn(given, " \t");
    size_t bytes = strcspn(given, "; \t");
    return bytes == strlen(type) && strncasecmp(given, type, bytes) == 0;
}

/* The next element of a list header with its q in thousandths; false at the end. */
struct list_item {
    const char *text;
    size_t text_bytes;
    int q;
};

static int parse_q(const char *text)
{
    /* RFC 9110, 12.4.2: 0, 1, or either with up to three digits. What is not that counts as 1. */
    if (text[0] != '0' && text[0] != '1')
        return 1000;
    int q = (text[0] - '0') * 1000, digit = 100;
    for (const char *at = text + 1 + (text[1] == '.'); digit > 0 && *at >= '0' && *at <= '9';
         at++) {
        q += (*at - '0') * digit;
        digit /= 10;
    }
    return q;
}

static bool list_next(const char **at, struct list_item *item)
{
    *at += strspn(*at, " \t,");
    if (**at == '\0')
        return false;
    size_t whole_bytes = strcspn(*at, ",");
    item->text = *at;
    item->text_bytes = strcspn(*at, ",; \t");
    item->q = 1000;
    for (const char *p = *at + item->text_bytes; p < *at + whole_bytes; p++) {
        if (p[0] == ';') {
            p += 1 + strspn(p + 1, " \t");
            if (strncasecmp(p, "q=", 2) == 0)
                item->q = parse_q(p + 2);
            p--;
        }
    }
    *at += whole_bytes;
    return true;
}

static bool item_is(const struct list_item *item, const char *text, size_t text_bytes)
{
    return item->text_bytes == text_bytes && strncasecmp(item->text, text, text_bytes) == 0;
}

/* The most exact element decides: the type, its family, everything (RFC 9110, 12.5.1). */
bool fy_accepts(struct fy_exchange *x, const char *type)
{
    const char *at = fy_request_header(x, "Accept");
    if (is_blank(at))
        return true;
    size_t family_bytes = strcspn(type, "/") + 1;
    int exactness = 0, q = 0;
    struct list_item item;
    while (list_next(&at, &item)) {
        int found = 0;
        if (item_is(&item, type, strlen(type)))
            found = 3;
        else if (item.text_bytes == family_bytes + 1 && item.text[family_bytes] == '*' &&
                 strncasecmp(item.text, type, family_bytes) == 0)
            found = 2;
        else if (item_is(&item, "*/*", 3) || item_is(&item, "*", 1))
            found = 1;
        if (found > exactness) {
            exactness = found;
            q = item.q;
        }
    }
    return q > 0;
}

bool fy_accepts_zstd(struct fy_exchange *x)
{
    const char *at = fy_request_header(x, "Accept-Encoding");
    struct list_item item;
    while (at != NULL && list_next(&at, &item)) {
        if (item_is(&item, "zstd", 4))
            return item.q > 0;
    }
    return false;
}

void fy_state_set(struct fy_exchange *x, void *state, void (*drop)(void *state))
{
    FY_ASSERT(x->state == NULL);
    x->state = state;
    x->state_drop = drop;
}

void *fy_state(struct fy_exchange *x)
{
    return x->state;
}
