/* peer_http_request.c - what a call says on the wire: URL, headers, method. */
#include <stdio.h>
#include <string.h>

#include "common/adapters/peer_http_internal.h"
#include "common/core/names.h"

#define HEADER_CLIENT "x-clonecloudstore-client-id"
#define HEADER_OP     "x-clonecloudstore-op-id"
#define HEADER_BYTES  (sizeof(HEADER_CLIENT) + 2 + FY_CLIENT_BYTES_MAX)
static_assert(FY_OP_ID_BYTES_MAX <= FY_CLIENT_BYTES_MAX, "both headers fit HEADER_BYTES");

#define SET(easy, option, value) FY_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* The routes a verb takes; a Ferry has its own where CCS's cannot name everything. */
enum route {
    ROUTE_HELLO,
    ROUTE_BUCKETS,
    ROUTE_CONTAINER,
    ROUTE_CONTENT,
    ROUTE_ORDERS,
    ROUTE_GIVEN
};
enum method { METHOD_GET, METHOD_HEAD, METHOD_POST };

static const struct verb_row {
    enum route route, ferry_route;
    enum method method, ferry_method;
    const char *accept; /* CCS reads it literally (spec 1.5) */
} verb_table[FY_PEER_VERB_COUNT] = {
    [FY_PEER_HELLO] = {ROUTE_HELLO, ROUTE_HELLO, METHOD_GET, METHOD_GET,
                       "Accept: application/json"},
    [FY_PEER_CHECK] = {ROUTE_BUCKETS, ROUTE_BUCKETS, METHOD_HEAD, METHOD_HEAD, "Accept: */*"},
    [FY_PEER_DESCRIBE] = {ROUTE_BUCKETS, ROUTE_CONTAINER, METHOD_GET, METHOD_GET,
                          "Accept: application/json"},
    [FY_PEER_FACTS] = {ROUTE_BUCKETS, ROUTE_CONTENT, METHOD_GET, METHOD_HEAD,
                       "Accept: application/octet-stream"},
    [FY_PEER_PULL] = {ROUTE_BUCKETS, ROUTE_CONTENT, METHOD_GET, METHOD_GET,
                      "Accept: application/octet-stream"},
    [FY_PEER_ORDERS] = {ROUTE_ORDERS, ROUTE_ORDERS, METHOD_POST, METHOD_POST,
                        "Accept: application/json"},
    [FY_PEER_GET] = {ROUTE_GIVEN, ROUTE_GIVEN, METHOD_GET, METHOD_GET, "Accept: application/json"},
};

/* ------------------------------------------------------------------ URL */

static void add_encoded(struct fy_buf *url, const char *before, const char *text)
{
    char encoded[3 * FY_OBJECT_BYTES_MAX + 1];
    bool fits = fy_percent_encode(text, false, encoded, sizeof(encoded));
    FY_ASSERT(fits); /* three times the longest text */
    fy_buf_text(url, before);
    fy_buf_text(url, encoded);
}

static void add_buckets(struct fy_buf *url, const struct fy_peer_call *call)
{
    add_encoded(url, "/replicator/remote/buckets/", call->bucket);
    if (call->object[0] != '\0' && call->verb != FY_PEER_DESCRIBE)
        add_encoded(url, "/", call->object);
    if (call->verb == FY_PEER_CHECK)
        fy_buf_text(url, call->full_check ? "?fullCheck=true" : "?fullCheck=false");
}

static void add_exact(struct fy_buf *url, const char *path, const struct fy_peer_call *call)
{
    fy_buf_text(url, path);
    add_encoded(url, "?acct=", call->account[0] != '\0' ? call->account : call->client);
    add_encoded(url, "&ref=", call->bucket);
}

static void add_orders(struct fy_buf *url, const struct fy_peer_call *call)
{
    size_t at = 0;
    while (at < call->body_bytes && strchr(" \t\r\n", call->body[at]) != NULL)
        at++;
    bool many = at < call->body_bytes && call->body[at] == '[';
    fy_buf_text(url, many ? "/replicator/remote/orders/multiple" : "/replicator/remote/orders");
}

static enum fy_code make_url(struct fy_buf *url, const struct fy_peer_call *call,
                             enum fy_reason *reason, struct fy_err *err)
{
    char base[FY_URI_BYTES_MAX + 1];
    *reason = FY_TOPOLOGY_UNKNOWN;
    if (fy_uri_normalise(call->uri, base, err) != FY_OK)
        return fy_err_add(err, "URI %s", call->uri);
    fy_buf_clear(url);
    fy_buf_text(url, base);
    const struct verb_row *row = &verb_table[call->verb];
    switch (call->ferry ? row->ferry_route : row->route) {
    case ROUTE_HELLO:
        fy_buf_text(url, "/ferry/v1/hello");
        break;
    case ROUTE_BUCKETS:
        add_buckets(url, call);
        break;
    case ROUTE_CONTAINER:
        add_exact(url, "/ferry/v1/container", call);
        break;
    case ROUTE_CONTENT:
        add_exact(url, "/ferry/v1/content", call);
        add_encoded(url, "&path=", call->object);
        break;
    case ROUTE_ORDERS:
        add_orders(url, call);
        break;
    case ROUTE_GIVEN:
        fy_buf_text(url, call->path);
        break;
    }
    *reason = FY_BAD_ORDER;
    if (url->overflow)
        return fy_err_set(err, FY_EINPUT, "the URL has over %d bytes", FY_PEER_URL_BYTES_MAX);
    *reason = FY_REASON_NONE;
    return FY_OK;
}

/* ------------------------------------------------------------------ headers */

static void add_line(struct peer_seat *seat, const char *line)
{
    struct curl_slist *longer = curl_slist_append(seat->headers, line);
    FY_ASSERT(longer != NULL); /* fails for want of memory only */
    seat->headers = longer;
}

/* A line break in a name must not become a header of its own. */
static bool fits_header(const char *value)
{
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            return false;
    }
    return true;
}

static enum fy_code add_value(struct peer_seat *seat, const char *name, const char *value,
                              struct fy_err *err)
{
    char line[HEADER_BYTES + 1];
    if (value[0] == '\0')
        return FY_OK;
    if (!fits_header(value))
        return fy_err_set(err, FY_EINPUT, "%s has control characters", name);
    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    add_line(seat, line);
    return FY_OK;
}

static enum fy_code add_headers(struct peer_seat *seat, const struct fy_peer_call *call,
                                struct fy_err *err)
{
    add_line(seat, verb_table[call->verb].accept);
    add_line(seat, "x-ferry-version: " FY_VERSION); /* a site asks: no state of a bucket stops it */
    if (add_value(seat, HEADER_CLIENT, call->client, err) != FY_OK ||
        add_value(seat, HEADER_OP, call->op_id, err) != FY_OK)
        return err->code;
    if (call->verb == FY_PEER_PULL && call->zstd)
        add_line(seat, "Accept-Encoding: zstd"); /* alone: CCS compares the whole value */
    if (call->verb == FY_PEER_PULL && call->ferry)
        add_line(seat, "x-ferry-proves: hash"); /* we do: it need not, and may use sendfile */
    if (call->verb == FY_PEER_ORDERS) {
        add_line(seat, "Content-Type: application/json");
        add_line(seat, "Expect:"); /* not a second round trip before a large body */
    }
    SET(seat->easy, CURLOPT_HTTPHEADER, seat->headers);
    return FY_OK;
}

/* ------------------------------------------------------------------ method */

/* A Ferry sends a ranged body by sendfile, so it is asked for a range even from 0; the range of a
 * compressed body would mean nothing. */
static void set_range(CURL *easy, const struct fy_peer_call *call)
{
    char range[32];
    bool ranged = call->verb == FY_PEER_PULL && !call->zstd && (call->ferry || call->offset > 0);
    (void)snprintf(range, sizeof(range), "%lld-", (long long)call->offset);
    SET(easy, CURLOPT_RANGE, ranged ? range : NULL);
}

static void set_method(CURL *easy, const struct fy_peer_call *call)
{
    const struct verb_row *row = &verb_table[call->verb];
    switch (call->ferry ? row->ferry_method : row->method) {
    case METHOD_GET:
        SET(easy, CURLOPT_HTTPGET, 1L);
        break;
    case METHOD_HEAD:
        SET(easy, CURLOPT_HTTPGET, 1L); /* not the POST of the last call */
        SET(easy, CURLOPT_NOBODY, 1L);
        break;
    case METHOD_POST:
        SET(easy, CURLOPT_POST, 1L);
        SET(easy, CURLOPT_POSTFIELDS, call->body);
        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        break;
    }
}

enum fy_code peer_request_prepare(struct peer_job *job, enum fy_reason *reason, struct fy_err *err)
{
    const struct fy_peer_call *call = job->call;
    struct peer_seat *seat = job->seat;
    struct fy_buf *url = &job->loop->url;
    FY_ASSERT(call->verb < FY_PEER_VERB_COUNT);
    FY_ASSERT(call->offset >= 0);
    FY_ASSERT(!call->zstd || call->offset == 0);
    if (make_url(url, call, reason, err) != FY_OK)
        return err->code;
    if (add_headers(seat, call, err) != FY_OK) {
        *reason = FY_BAD_ORDER;
        return err->code;
    }
    SET(seat->easy, CURLOPT_URL, url->bytes);
    SET(seat->easy, CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
    set_method(seat->easy, call);
    set_range(seat->easy, call);
    return FY_OK;
}
