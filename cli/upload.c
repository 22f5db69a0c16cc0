/* upload.c - a file or stdin as the body of one PUT. */
#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/ports/sha256.h"

#define HASH_HEADER "x-clonecloudstore-hash"
#define SIZE_HEADER "x-clonecloudstore-size"

/* The body on its way. */
struct source {
    const struct fy_upload *upload;
    int fd;       /* -1: none */
    char *small;  /* the whole of a small file, or NULL */
    int64_t size; /* of the file when it was hashed; -1: stdin, not known before its end */
    int64_t at;   /* read so far by this try */
    bool ended;   /* of stdin */
    struct fy_digest digest; /* of a file; of stdin once it has ended */
    struct fy_sha256 *hash;
};

static enum fy_code read_failed(struct fy_err *err)
{
    if (fy_client_interrupted())
        return fy_err_set(err, FY_ECANCELLED, "interrupted");
    return fy_err_set(err, FY_EIO, "it cannot be read: %s", strerror(errno));
}

/* ---- files */

static enum fy_code open_file(struct source *source, struct fy_err *err)
{
    const struct fy_upload *upload = source->upload;
    struct stat facts;
    /* NONBLOCK: what became a pipe since it was listed must not hold us. */
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (upload->follow ? 0 : O_NOFOLLOW);
    source->fd = open(upload->path, flags);
    if (source->fd < 0)
        return fy_err_set(err, FY_EIO, "it cannot be opened: %s", strerror(errno));
    if (fstat(source->fd, &facts) != 0)
        return read_failed(err);
    if (!S_ISREG(facts.st_mode))
        return fy_err_set(err, FY_EIO, "it is no regular file");
    return FY_OK;
}

/* Reads until capacity or the end. -1: errno. */
static ssize_t read_full(int fd, char *bytes, size_t capacity)
{
    size_t filled = 0;
    while (filled < capacity) {
        ssize_t got = read(fd, bytes + filled, capacity - filled);
        if (got < 0 && errno == EINTR && !fy_client_interrupted())
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

/* The hash and size that are promised to the site. What the file holds when its end is reached
 * counts, not what its size was said to be. */
static enum fy_code hash_file(struct source *source, struct fy_err *err)
{
    char *chunk = fy_alloc(FY_UPLOAD_SMALL_BYTES);
    ssize_t got;
    source->size = 0;
    do {
        got = read_full(source->fd, chunk, FY_UPLOAD_SMALL_BYTES);
        if (got < 0 || fy_client_interrupted()) {
            free(chunk);
            return read_failed(err);
        }
        fy_sha256_update(source->hash, chunk, (size_t)got);
        source->size += got;
    } while (got == FY_UPLOAD_SMALL_BYTES);
    fy_sha256_final(source->hash, &source->digest);
    if (source->size < FY_UPLOAD_SMALL_BYTES)
        source->small = chunk;
    else
        free(chunk);
    return FY_OK;
}

static ssize_t read_file(struct source *source, char *bytes, size_t capacity, struct fy_err *err)
{
    int64_t left = source->size - source->at;
    size_t wanted = left < (int64_t)capacity ? (size_t)left : capacity;
    if (wanted == 0)
        return 0;
    if (source->small != NULL) {
        memcpy(bytes, source->small + source->at, wanted);
        return (ssize_t)wanted;
    }
    ssize_t got = pread(source->fd, bytes, wanted, source->at);
    if (got < 0)
        (void)read_failed(err);
    else if (got == 0)
        (void)fy_err_set(err, FY_EIO, "it has become shorter while it was sent");
    return got > 0 ? got : -1;
}

/* ---- stdin */

static ssize_t read_stdin(struct source *source, char *bytes, size_t capacity, struct fy_err *err)
{
    ssize_t got;
    do
        got = read(STDIN_FILENO, bytes, capacity);
    while (got < 0 && errno == EINTR && !fy_client_interrupted());
    if (got < 0) {
        (void)read_failed(err);
        return -1;
    }
    fy_sha256_update(source->hash, bytes, (size_t)got);
    if (got == 0 && !source->ended) {
        source->ended = true;
        fy_sha256_final(source->hash, &source->digest);
    }
    return got;
}

/* The rest of stdin, for its hash and size. */
static enum fy_code drain_stdin(struct source *source, struct fy_err *err)
{
    char *chunk = fy_alloc(FY_CHUNK_BYTES);
    ssize_t got = 0;
    while (!source->ended && got >= 0) {
        got = read_stdin(source, chunk, FY_CHUNK_BYTES, err);
        source->at += got > 0 ? got : 0;
    }
    free(chunk);
    return got < 0 ? err->code : FY_OK;
}

/* ---- one try */

static ssize_t on_read(void *arg, char *bytes, size_t capacity, struct fy_err *err)
{
    struct source *source = arg;
    ssize_t got = source->size < 0 ? read_stdin(source, bytes, capacity, err)
                                   : read_file(source, bytes, capacity, err);
    if (got > 0) {
        source->at += got;
        fy_tally_move(source->upload->tally, got);
    }
    return got;
}

static bool on_rewind(void *arg)
{
    struct source *source = arg;
    if (source->size < 0)
        return source->at == 0;
    source->at = 0;
    return true;
}

static enum fy_code send_body(struct fy_client *client, struct source *source, struct fy_err *err)
{
    const struct fy_upload *upload = source->upload;
    char digits[FY_BASE32HEX_DIGITS + 1];
    char hash[sizeof(HASH_HEADER) + 2 + sizeof(digits)];
    char size[sizeof(SIZE_HEADER) + 2 + 24];
    FY_AUTO(fy_buf_done) struct fy_buf path = {0};
    fy_path(&path, FY_PATH_CONTENT);
    fy_place_query(&path, upload->line, upload->place, upload->name);
    struct fy_call call = {.method = "PUT",
                           .path = &path,
                           .headers = {"Content-Type: application/octet-stream"},
                           .read = on_read,
                           .rewind = on_rewind,
                           .read_bytes = source->size,
                           .arg = source,
                           .is_long = true};
    if (source->size >= 0) {
        source->at = 0;
        fy_digest_print_base32hex(&source->digest, digits);
        (void)snprintf(hash, sizeof(hash), HASH_HEADER ": %s", digits);
        (void)snprintf(size, sizeof(size), SIZE_HEADER ": %" PRId64, source->size);
        call.headers[1] = hash;
        call.headers[2] = size;
    }
    return fy_client_call(client, &call, err);
}

/* Whether the site has stored what we have read. */
static enum fy_code check_stored(struct fy_client *client, const struct source *source,
                                 struct fy_err *err)
{
    struct fy_digest stored;
    json_auto_t *tree = fy_client_json(client, err);
    if (tree == NULL)
        return err->code;
    if (fy_json_i64(tree, "size") == source->at &&
        fy_digest_parse(fy_json_text(tree, "hash"), &stored) &&
        fy_digest_equal(&stored, &source->digest))
        return FY_OK;
    return fy_err_set(err, FY_ECORRUPT, "what the site has stored is not what was sent");
}

/* The name is taken: success when an equal object has it. FY_ENOTFOUND: it is gone meanwhile. */
static enum fy_code compare(struct fy_client *client, struct source *source, struct fy_err *err)
{
    const struct fy_upload *upload = source->upload;
    struct fy_digest there;
    FY_AUTO(fy_buf_done) struct fy_buf path = {0};
    enum fy_code code = source->size < 0 ? drain_stdin(source, err) : FY_OK;
    if (code != FY_OK)
        return code;
    fy_path(&path, FY_PATH_CONTENT);
    fy_place_query(&path, upload->line, upload->place, upload->name);
    const struct fy_call call = {.method = "HEAD", .path = &path};
    code = fy_client_call(client, &call, err);
    if (code != FY_OK)
        return code;
    const char *hash = fy_client_header(client, HASH_HEADER);
    const char *size = fy_client_header(client, SIZE_HEADER);
    int64_t own_size = source->size < 0 ? source->at : source->size;
    int64_t size_there = size != NULL ? strtoll(size, NULL, 10) : -1;
    if (size_there != own_size)
        return fy_err_set(err, FY_EEXISTS,
                          "another object has this name: it has %" PRId64 " bytes, not %" PRId64,
                          size_there, own_size);
    if (hash == NULL || !fy_digest_parse(hash, &there) || !fy_digest_equal(&there, &source->digest))
        return fy_err_set(err, FY_EEXISTS, "another object of %" PRId64 " bytes has this name",
                          own_size);
    return FY_OK;
}

/* ---- all tries */

/* FY_ENOTACCEPT: the site has not noticed yet that our own last try is gone, or somebody else
 * uploads this name right now. */
static bool may_try_again(const struct source *source, enum fy_code code, unsigned attempt)
{
    bool heals = fy_client_is_temporary(code) || code == FY_ENOTACCEPT;
    bool again = source->size >= 0 || source->at == 0;
    return heals && again && attempt < FY_CLIENT_TRIES_MAX && !fy_client_interrupted();
}

static enum fy_code send_until_there(struct fy_client *client, struct source *source,
                                     bool *unchanged, struct fy_err *err)
{
    bool sent_before = false; /* an earlier try may have arrived without our seeing its answer */
    for (unsigned attempt = 1;; attempt++) {
        enum fy_code code = send_body(client, source, err);
        *unchanged = false;
        if (code == FY_OK && source->size < 0)
            return check_stored(client, source, err);
        if (code == FY_EEXISTS) {
            code = compare(client, source, err);
            *unchanged = code == FY_OK && !sent_before;
            if (code == FY_ENOTFOUND)
                code = fy_err_set(err, FY_ENOTACCEPT, "the name was taken, and is gone again");
        }
        if (!may_try_again(source, code, attempt))
            return code;
        sent_before = sent_before || code == FY_ENET || code == FY_ETIMEOUT;
        fy_client_pause(attempt);
        if (sent_before && compare(client, source, err) == FY_OK)
            return FY_OK; /* not again: where versions are kept it would be one more */
    }
}

enum fy_code fy_upload_run(struct fy_client *client, const struct fy_upload *upload, int64_t *size,
                           bool *unchanged, struct fy_err *err)
{
    struct source source = {.upload = upload, .fd = -1, .size = -1, .hash = fy_sha256_new()};
    enum fy_code code = FY_OK;
    if (upload->path != NULL) {
        code = open_file(&source, err);
        if (code == FY_OK)
            code = hash_file(&source, err);
    }
    if (code == FY_OK)
        code = send_until_there(client, &source, unchanged, err);
    if (code == FY_OK)
        *size = source.size >= 0 ? source.size : source.at;
    if (source.fd >= 0)
        (void)close(source.fd); /* only read */
    free(source.small);
    fy_sha256_free(source.hash);
    return code;
}
