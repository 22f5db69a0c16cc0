/* order.h - a replication order: what travels in topics and in POST /replicator/remote/orders. */
#ifndef FY_CORE_ORDER_H
#define FY_CORE_ORDER_H

#include "common/core/digest.h"
#include "common/core/stamp.h"

enum fy_action { FY_ACTION_UNKNOWN = 0, FY_ACTION_CREATE, FY_ACTION_UPDATE, FY_ACTION_DELETE };
const char *fy_action_name(enum fy_action action);                            /* "CREATE" */
FY_MUST_CHECK bool fy_action_parse(const char *text, enum fy_action *action); /* exact upper case */

/* Fixed size, no pointers: copied by assignment, owned by whoever holds it. Absent texts are "". */
struct fy_order {
    enum fy_action action;
    int64_t size;          /* uncompressed bytes; 0 = unknown unless a hash comes with it */
    struct fy_stamp stamp; /* zero when no API has stamped it yet */
    int64_t ordered_at_ms; /* key orderedAt: when it was written; 0 = absent */
    bool given; /* optional key: its stamp is when it was given, not that of a change (DESIGN 3) */
    bool
        overwrites; /* optional key: its source's container follows a version policy, so that what
                       it replaces is no conflict; of a container's own CREATE: so shall this one */
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    char from_site[FY_SITE_BYTES_MAX + 1];
    char to_site[FY_SITE_BYTES_MAX + 1];   /* "" = every other site */
    char client[FY_CLIENT_BYTES_MAX + 1];  /* acting client */
    char account[FY_CLIENT_BYTES_MAX + 1]; /* optional key: owner when not the acting client */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1]; /* "" = the order concerns the bucket */
    char hash[FY_HASH_BYTES_MAX + 1];     /* as given; see fy_digest_parse */
};

/* Who owns the container the order names: account, or the client when that is absent. */
const char *fy_order_account(const struct fy_order *order);
/* Key of the record and lane: bucket 0x00 object. Returns its size in bytes. */
size_t fy_order_key(const struct fy_order *order, char key[static FY_KEY_BYTES_MAX + 1]);
/* The promise of the order: true and *digest when its hash is a digest (DESIGN 3). */
bool fy_order_digest(const struct fy_order *order, struct fy_digest *digest);

/* Stamps an order that no API stamped (fy_stamp_of_record), from_site as origin, and marks it. */
void fy_order_stamp_of_record(struct fy_order *order, int64_t timestamp_ms, int64_t offset);

enum fy_order_door {
    FY_DOOR_CCS,   /* POST /replicator/remote/orders, orders/multiple */
    FY_DOOR_FERRY, /* POST /ferry/v1/orders */
    FY_DOOR_QUEUE, /* read from a topic */
};
/*
 * The checks of DESIGN 7: bucket given (not blank without a stamp), names by the CCS rule without a
 * stamp and by the exact rule with one, from_site valid and not own_site (doors CCS and QUEUE; at
 * the FERRY door an absent from_site means own_site and own_site is welcome), stamp not over 10 min
 * ahead of now. Errors: FY_EINPUT with a sentence that names the field.
 */
FY_MUST_CHECK enum fy_code fy_order_check(const struct fy_order *order, enum fy_order_door door,
                                          const char *own_site, int64_t now_ms, struct fy_err *err);

/* Partition of a key as Java's default partitioner has it: murmur2, positive, modulo. */
uint32_t fy_murmur2_partition(const void *key, size_t key_bytes, uint32_t partition_count);

#endif
