/* container_rules.h - which properties of a container are more than texts, and what they say
 * (openio-container 5). */
#ifndef FY_CORE_CONTAINER_RULES_H
#define FY_CORE_CONTAINER_RULES_H

#include "common/ports/catalogue_row.h"

enum fy_property_kind {
    FY_PROPERTY_PLAIN,    /* a text of clients */
    FY_PROPERTY_RULE,     /* the same, and a member of struct fy_container_rules */
    FY_PROPERTY_STATE,    /* such a member alone: its value changes by itself */
    FY_PROPERTY_COUNTER,  /* what is in the container, which a client may set until a recount */
    FY_PROPERTY_COMPUTED, /* what it is, which nobody sets */
};
/* key: whole, as stored ("user.x", "sys.x"). */
enum fy_property_kind fy_property_kind(const char *key);
/* Whether the property is to be removed: without a value, or with an empty one. */
bool fy_property_is_absent(const struct fy_property *property);

/* What properties change beside their own texts. */
struct fy_container_change {
    struct fy_container_rules rules; /* in: as they are; out: as they are then */
    int64_t objects, bytes;          /* out: what the counters are set to; FY_UNSET: they are not */
};
/*
 * Reads the properties a client sets, in their order; an absent value resets a rule, or a counter.
 *   making  of a container that is being made: computed properties and counters are ignored, and
 *           keys need no prefix
 * Errors: FY_EINPUT a key that nobody sets, or without a prefix, or no UTF-8; a value that its rule
 * cannot have. *change is untouched then. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_container_change(struct fy_container_change *change,
                                               const struct fy_property *properties, size_t count,
                                               bool making, struct fy_err *err);

/* The rules of a container nobody has set any of. */
void fy_container_rules_init(struct fy_container_rules *rules);

/* The error, of that code (FY_EFROZEN or FY_EDISABLED), for what a container that is frozen or
 * disabled takes from nobody. It says how the container is enabled again. */
enum fy_code fy_container_refuses(const struct fy_container_row *row, enum fy_container_state state,
                                  enum fy_code code, struct fy_err *err);

/* sys.status as clients read and write it. */
const char *fy_container_state_text(enum fy_container_state state);

#endif
