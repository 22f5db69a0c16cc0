/* stored.c - stored bodies as answers: whole and chunked for CCS's readers, parts by sendfile. */
/*
 * A body that goes out whole is hashed as it goes. Its last piece is given only if the hash is the
 * one it was stored with: a reader of a damaged body sees a broken transfer, whatever its framing.
 * A site that pulls by a range says that it proves the hash itself (x-ferry-proves), which spares
 * this one the hash and a copy.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/exchange.h"
#include "common/ports/sha256.h"
#include "common/runtime/damage.h"

/* Read at once where there is no sendfile. Each slow reader holds so much of our memory. */
#define RANGE_BLOCK_BYTES 8192

enum range_kind { RANGE_NONE, RANGE_GOOD, RANGE_UNSATISFIABLE };

struct stored {
    struct fy_node *node;
    struct fy_reader *reader;
    struct fy_body_row body;
    struct fy_sha256 *hash; /* of what was read so far; NULL: a part, which proves nothing */
    int64_t at, end;
};

/* ------------------------------------------------------------------ "Range: bytes=..." */

/* Digits up to a value that no body has; false when there are none. */
static bool parse_position(const char **at, int64_t *value)
{
    const char *start = *at;
    *value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        *value = *value > INT64_MAX / 16 ? *value : *value * 10 + (**at - '0');
    return *at > start;
}

/* One range of RFC 9110, 14.1.2. Anything malformed, several ranges, and any range of an empty body
 * are as if the header were not there, which the RFC allows. */
static enum range_kind parse_range(const char *text, int64_t size, int64_t *first, int64_t *end)
{
    if (text == NULL || strncmp(text, "bytes=", 6) != 0 || size == 0)
        return RANGE_NONE;
    const char *at = text + 6 + strspn(text + 6, " ");
    int64_t from = 0, to = 0;
    bool has_from = parse_position(&at, &from);
    if (*at++ != '-')
        return RANGE_NONE;
    bool has_to = parse_position(&at, &to);
    if (at[strspn(at, " ")] != '\0' || (!has_from && !has_to) || (has_from && has_to && to < from))
        return RANGE_NONE;
    if (!has_from) {
        *first = to < size ? size - to : 0;
        *end = size;
        return to > 0 ? RANGE_GOOD : RANGE_UNSATISFIABLE;
    }
    *first = from;
    *end = has_to && to < size - 1 ? to + 1 : size;
    return from < size ? RANGE_GOOD : RANGE_UNSATISFIABLE;
}

/* ------------------------------------------------------------------ reading */

/* Whether these bytes, the next of the body, may be given away. */
static bool is_proven(struct stored *stored, const void *bytes, size_t size_bytes)
{
    struct fy_digest digest;
    if (stored->hash == NULL)
        return true;
    fy_sha256_update(stored->hash, bytes, size_bytes);
    if (stored->at < stored->end)
        return true;
    fy_sha256_final(stored->hash, &digest);
    if (fy_digest_equal(&digest, &stored->body.digest))
        return true;
    fy_damage_found(stored->node, &stored->body, FY_DAMAGE_HASH);
    return false;
}

static ssize_t read_stored(void *arg, char *bytes, size_t capacity)
{
    struct stored *stored = arg;
    int64_t left = stored->end - stored->at;
    if (left == 0)
        return 0;
    if ((int64_t)capacity > left)
        capacity = (size_t)left;
    size_t got = 0;
    enum fy_code code =
        fy_store_read(stored->node->store, stored->reader, stored->at, bytes, capacity, &got, NULL);
    if (code != FY_OK || got == 0)
        return FY_STREAM_FAIL; /* shorter than its row says: the reader must not take it as whole */
    stored->at += (int64_t)got;
    return is_proven(stored, bytes, got) ? (ssize_t)got : FY_STREAM_FAIL;
}

static ssize_t on_range_read(void *arg, uint64_t position, char *bytes, size_t capacity)
{
    (void)position;
    ssize_t got = read_stored(arg, bytes, capacity);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void drop_stored(void *arg)
{
    struct stored *stored = arg;
    fy_store_reader_close(stored->node->store, stored->reader);
    fy_sha256_free(stored->hash);
    free(stored);
}

/* ------------------------------------------------------------------ the two answers */

static bool has_content_type(const struct fy_exchange *x)
{
    const char *end = x->out_headers.bytes + x->out_headers.size_bytes;
    for (const char *name = x->out_headers.bytes; name < end;) {
        if (strcasecmp(name, "Content-Type") == 0)
            return true;
        name += strlen(name) + 1;
        name += strlen(name) + 1;
    }
    return false;
}

/* A descriptor of our own for sendfile, or -1: the bytes are read then. Nobody sees what it sends.
 * It must reach to the end: libmicrohttpd would try for ever to send what a cut file does not have.
 */
static int sendfile_fd(const struct stored *stored)
{
    int fd = fy_store_reader_fd(stored->node->store, stored->reader);
    int own_fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    struct stat status;
    if (own_fd >= 0 && (fstat(own_fd, &status) != 0 || status.st_size < stored->end)) {
        (void)close(own_fd); /* nothing was written to it */
        own_fd = -1;
    }
    return own_fd;
}

/* Takes stored. */
static struct MHD_Response *range_response(struct stored *stored)
{
    uint64_t bytes = (uint64_t)(stored->end - stored->at);
    int own_fd = stored->hash == NULL ? sendfile_fd(stored) : -1;
    if (own_fd < 0)
        return MHD_create_response_from_callback(bytes, RANGE_BLOCK_BYTES, on_range_read, stored,
                                                 drop_stored);
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(bytes, own_fd, (uint64_t)stored->at);
    drop_stored(stored);
    return response;
}

void fy_answer_stored(struct fy_exchange *x, struct fy_reader *reader,
                      const struct fy_body_row *body)
{
    const int64_t size = body->size;
    struct stored *stored = fy_alloc(sizeof *stored);
    *stored =
        (struct stored){.node = x->server->node, .reader = reader, .body = *body, .end = size};
    const char *type = has_content_type(x) ? NULL : "application/octet-stream";
    fy_answer_header(x, "Accept-Ranges", "bytes");

    /* Without validators of ours an If-Range never matches. */
    const char *range = fy_request_header(x, "If-Range") == NULL && !fy_is_head(x)
                            ? fy_request_header(x, "Range")
                            : NULL;
    enum range_kind kind = parse_range(range, size, &stored->at, &stored->end);
    char content_range[80];
    bool proves = kind == RANGE_GOOD && fy_request_header(x, "x-ferry-proves") != NULL;
    if (!fy_is_head(x) && !proves && stored->at == 0 && stored->end == size)
        stored->hash = fy_sha256_new();
    switch (kind) {
    case RANGE_NONE:
        fy_answer_stream(x, 200, type, fy_accepts_zstd(x), read_stored, stored, drop_stored);
        return;
    case RANGE_UNSATISFIABLE:
        (void)snprintf(content_range, sizeof content_range, "bytes */%" PRId64, size);
        fy_answer_header(x, "Content-Range", content_range);
        drop_stored(stored);
        fy_answer_fail(x, FY_ERANGE, "the body has %" PRId64 " bytes", size);
        return;
    case RANGE_GOOD:
        break;
    }
    (void)snprintf(content_range, sizeof content_range, "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
                   stored->at, stored->end - 1, size);
    fy_answer_header(x, "Content-Range", content_range);
    if (type != NULL)
        fy_answer_header(x, "Content-Type", type);
    fy_answer_give(x, 206, range_response(stored));
}
