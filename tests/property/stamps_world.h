/* stamps_world.h - three sites with a catalogue each, whose clients write and delete at random, and
 * the wire that their orders go over: shuffled, repeated and late. */
#ifndef FY_TESTS_PROPERTY_STAMPS_WORLD_H
#define FY_TESTS_PROPERTY_STAMPS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ports/catalogue.h"

#define SITES     3
#define BUCKETS   2
#define NAMES     2
#define STEPS_MAX 60
#define WIRE_MAX  4096
#define CLIENT    "client-1"

struct site_clock {
    struct fy_clock port;
    int64_t *now_ms;
    int64_t skew_ms;
};

struct upload { /* begun, not finished */
    bool open;
    int64_t token;
    bool by_rules;
    int value;
};

struct site {
    struct world *world;
    char name[FY_SITE_BYTES_MAX + 1];
    struct site_clock clock;
    struct fy_catalogue *catalogue;
    struct fy_hlc hlc;
    struct upload uploads[BUCKETS][NAMES];
    uint64_t local_changes; /* that must each have written one order */
    uint64_t orders_written;
};

struct message {
    struct fy_order order;
    int target;
};

struct change {       /* of the history: one local operation that succeeded */
    int bucket, name; /* name -1: the bucket itself */
    struct fy_stamp stamp;
    int value; /* -1: a delete */
};

struct world {
    int64_t now_ms;
    uint64_t random;
    uint64_t seed;
    uint64_t blobs;
    struct site sites[SITES];
    struct message *wire; /* WIRE_MAX */
    size_t wire_count;
    struct message *sent; /* one copy of all that was ever on the wire in this seed */
    size_t sent_count;
    struct change history[STEPS_MAX * 2];
    size_t history_count;
};

/* Opens the site with that index, its catalogue in the folder. */
void world_site_open(struct world *world, int i, const char *folder);
/* A number from 0 on, of the seed's. */
uint32_t world_below(struct world *world, uint32_t bound);

/* Names are the seed's own; name -1: of the bucket itself. */
void world_bucket_name(struct world *world, int bucket, char text[static FY_BUCKET_BYTES_MAX + 1]);
void world_key(struct world *world, int bucket, int name, struct fy_object_key *key);
/* Of the bytes that a value of the history stands for. */
void world_digest(int value, struct fy_digest *digest);

/* Runs an operation at the site; its code. */
enum fy_code world_run(struct site *site, struct fy_cat_op *op);
/* A client does something, anywhere. */
void world_step(struct world *world);
/* Ends the upload if one is open. */
void world_upload_end(struct site *site, int bucket, int name);
/* The message arrives, and is applied as a worker does it. */
void world_deliver(struct world *world, const struct message *message);
/* One message, any; four times of five it is the last time. */
void world_deliver_any(struct world *world);

#endif
