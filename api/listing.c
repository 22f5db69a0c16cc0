/* listing.c - pages are read on the pool, sent on the connection thread; one page is in memory. */
#include "api/listing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/exchange.h"
#include "common/core/log.h"
#include "common/runtime/pool.h"

#define PAGE_ROWS        200
#define PAGE_BYTES       (64 << 10) /* it ends with the row that reaches them */
#define PAGE_BYTES_SHORT (1 << 10)  /* while many are open, whose readers may be slow */
#define PAGE_BYTES_MAX   (PAGE_BYTES + FY_ACCESSOR_JSON_BYTES_MAX + 1)

struct listing {
    struct fy_exchange *x; /* valid until dropped */
    struct fy_server *server;
    struct fy_node *node;
    struct fy_task task;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    const struct fy_filter *filter;

    pthread_mutex_t mutex; /* guards all below */
    struct fy_buf page;
    size_t sent; /* of page */
    char after[FY_OBJECT_BYTES_MAX + 1];
    uint32_t rows;        /* of the page being read */
    size_t enough_bytes;  /* for it */
    size_t counted_bytes; /* of page, in server->listing_bytes */
    bool reading;         /* the task runs; it alone uses what is above */
    bool ended, failed, dropped;
};

/* Page is what it will be for a while. */
static void count_page(struct listing *listing)
{
    size_t held_bytes = listing->page.capacity_bytes;
    atomic_fetch_add(&listing->server->listing_bytes, held_bytes - listing->counted_bytes);
    listing->counted_bytes = held_bytes;
}

static void listing_free(struct listing *listing)
{
    fy_buf_done(&listing->page);
    count_page(listing);
    pthread_mutex_destroy(&listing->mutex);
    free((void *)(uintptr_t)listing->filter); /* ours, const for readers */
    free(listing);
}

static bool add_line(void *arg, const struct fy_object_row *row)
{
    struct listing *listing = arg;
    fy_ccs_object_json(listing->node, listing->bucket, row, &listing->page);
    fy_buf_text(&listing->page, "\n");
    memcpy(listing->after, row->name, sizeof(listing->after));
    listing->rows++;
    return listing->page.size_bytes < listing->enough_bytes;
}

/* Pool thread. */
static void read_page(struct fy_task *task)
{
    struct listing *listing = FY_CONTAINER_OF(task, struct listing, task);
    struct fy_err err = {0};
    bool many = atomic_load(&listing->server->listing_bytes) >= FY_LISTINGS_BYTES_MAX;
    listing->rows = 0;
    listing->enough_bytes = many ? PAGE_BYTES_SHORT : PAGE_BYTES;
    if (many)
        fy_buf_done(&listing->page); /* it may have held a long one */
    enum fy_code code = fy_catalogue_object_list(listing->node->catalogue, listing->account,
                                                 listing->bucket, listing->filter, listing->after,
                                                 PAGE_ROWS, add_line, listing, &err);
    if (code != FY_OK)
        fy_log(NULL, FY_WARN, "listing.cut", fy_kv_str("bucket", listing->bucket), fy_kv_err(&err));
    count_page(listing);
    pthread_mutex_lock(&listing->mutex);
    listing->reading = false;
    listing->failed = code != FY_OK;
    listing->ended = listing->rows < PAGE_ROWS && listing->page.size_bytes < listing->enough_bytes;
    bool dropped = listing->dropped;
    if (!dropped)
        fy_stream_wake(listing->x);
    pthread_mutex_unlock(&listing->mutex);
    if (dropped)
        listing_free(listing);
}

/* Connection thread. */
static ssize_t listing_read(void *state, char *bytes, size_t capacity)
{
    struct listing *listing = state;
    ssize_t result = FY_STREAM_WAIT;
    pthread_mutex_lock(&listing->mutex);
    size_t left_bytes = listing->reading ? 0 : listing->page.size_bytes - listing->sent;
    if (listing->reading) {
        result = FY_STREAM_WAIT;
    } else if (left_bytes > 0) {
        size_t size_bytes = left_bytes < capacity ? left_bytes : capacity;
        memcpy(bytes, listing->page.bytes + listing->sent, size_bytes);
        listing->sent += size_bytes;
        result = (ssize_t)size_bytes;
    } else if (listing->failed) {
        result = FY_STREAM_FAIL;
    } else if (listing->ended) {
        result = 0;
    } else {
        fy_buf_clear(&listing->page);
        listing->sent = 0;
        listing->reading = fy_run_task(listing->x, &listing->task);
        if (!listing->reading)
            result = FY_STREAM_FAIL; /* the pool is full: the reader sees a cut, not a short list */
    }
    pthread_mutex_unlock(&listing->mutex);
    return result;
}

static void listing_drop(void *state)
{
    struct listing *listing = state;
    pthread_mutex_lock(&listing->mutex);
    listing->dropped = true;
    bool reading = listing->reading;
    pthread_mutex_unlock(&listing->mutex);
    if (!reading)
        listing_free(listing);
}

void fy_answer_listing(struct fy_exchange *x, const char *account, const char *bucket,
                       const struct fy_filter *filter)
{
    struct listing *listing = fy_alloc(sizeof(*listing));
    *listing = (struct listing){.x = x,
                                .server = x->server,
                                .node = fy_node_of(x),
                                .task = {.run = read_page},
                                .filter = fy_filter_dup(filter)};
    pthread_mutex_init(&listing->mutex, NULL);
    fy_buf_init(&listing->page, PAGE_BYTES_MAX);
    FY_ASSERT(fy_text_copy(listing->account, sizeof(listing->account), account));
    FY_ASSERT(fy_text_copy(listing->bucket, sizeof(listing->bucket), bucket));
    fy_answer_stream(x, 200, "application/octet-stream", fy_accepts_zstd(x), listing_read, listing,
                     listing_drop);
}
